"""PyPI `sd-jwt` verifies a presentation of ours: issuer's signature, disclosures, key binding; then what must not pass.

Reads `{presentation, nonce, aud, claims}` on standard input; `claims` are the names that may be told, no others.
"""

import json
import sys
from base64 import b64decode

from cryptography import x509
from jwcrypto.jwk import JWK
from jwcrypto.jws import InvalidJWSSignature
from sd_jwt.verifier import SDJWTVerifier

asked = json.load(sys.stdin)


def leaf(_issuer, header):
    certificate = x509.load_der_x509_certificate(b64decode(header["x5c"][0]))
    return JWK.from_pyca(certificate.public_key())


def verify(presentation, nonce=asked["nonce"], aud=asked["aud"]):
    return SDJWTVerifier(presentation, leaf, aud, nonce).get_verified_payload()


def refused(why, *arguments):
    try:
        verify(*arguments)
    except why:
        return
    raise AssertionError(f"passed: {arguments}")


whole = asked["presentation"]
told = verify(whole)
technical = {"iss", "vct", "vct#integrity", "cnf", "iat", "nbf", "exp", "status", "_sd_alg", "credential_id"}
assert set(told) - technical == set(asked["claims"]), sorted(told)

first, second = (part for part in whole.split("~")[1:-1])
signed, binding = whole.split("~")[0], whole.split("~")[-1]
head, payload, signature = signed.split(".")
other = ("B" if signature[10] == "A" else "A").join((signature[:10], signature[11:]))
refused(InvalidJWSSignature, f"{head}.{payload}.{other}~{first}~{second}~{binding}")
refused(ValueError, f"{signed}~{first}~{binding}")
refused(ValueError, whole, "another nonce of enough length")
refused(ValueError, whole, asked["nonce"], "x509_hash:another")
