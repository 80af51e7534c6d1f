"""PyPI `pymdoccbor` verifies the issuer's part of a document of ours, and issues one with a status that we verify."""

import datetime
import json
import os
import subprocess
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import cbor2
from cryptography import x509
from pymdoccbor.mdoc.issuer import MdocCborIssuer
from pymdoccbor.mdoc.verifier import MdocCbor

FOLDER = Path(os.environ["MDOC_FOLDER"])
TYPE = "example.mapae.badge.1"
STATUS = {"status_list": {"idx": 4711, "uri": "https://issuer.example/status/1"}}


def number(jwk, member):
    return urlsafe_b64decode(jwk[member] + "=" * (-len(jwk[member]) % 4))


def cose_key(jwk, private):
    key = {"KTY": "EC2", "CURVE": "P_256", "ALG": "ES256", "X": number(jwk, "x"), "Y": number(jwk, "y")}
    return key | ({"D": number(jwk, "d")} if private else {})


def read(name):
    return (FOLDER / name).read_bytes()


def jwk(name):
    return json.loads(read(name))


# Ours, read by them.
roots = [x509.load_der_x509_certificate(read("root.der"))]
document = MdocCbor()
document.loads(read("response.cbor"))
assert document.verify(trusted_root_certs=roots), document.documents_invalid
assert document.documents[0].hash_verification["verified"] == 4
told = document.disclosure_map[TYPE]
assert told["name"] == {"ko": "예시온", "en": "Sion Ye"} and told["is_serving"] is True, told
mso = document.documents[0].issuersigned.issuer_auth.payload_as_dict
assert mso["status"] == {"status_list": {"idx": 77, "uri": "https://issuer.example/status/1"}}, mso["status"]
changed = MdocCbor()
changed.loads(read("response.cbor").replace(b"Sion", b"Zion"))
assert not changed.verify(trusted_root_certs=roots)

# Theirs, read by us.
today = datetime.datetime.now(datetime.timezone.utc).date()
issuer = MdocCborIssuer(private_key=cose_key(jwk("issuer.jwk"), private=True), alg="ES256")
issuer.new(
    doctype=TYPE,
    data={TYPE: {"name": "예시온", "grade": 5, "is_serving": True}},
    validity={"issuance_date": today.isoformat(), "expiry_date": (today + datetime.timedelta(days=7)).isoformat()},
    devicekeyinfo=cose_key(jwk("device.jwk"), private=False),
    x509_chain=[read("issuer.der")],
    revocation=STATUS,
)
issued = cbor2.loads(issuer.dump())["documents"][0]["issuerSigned"]
(FOLDER / "their-issued.cbor").write_bytes(cbor2.dumps(issued))
ours = json.loads(
    subprocess.run(
        [os.environ["MDOC_VECTORS"], "read", FOLDER, str(int(time.time()) + 2)], check=True, capture_output=True
    ).stdout
)
assert ours["issued"] == {"claims": {TYPE: {"name": "예시온", "grade": 5, "is_serving": True}}, "status": STATUS["status_list"]}, ours
print("pymdoccbor verifies ours, and we verify its own, status and all")
