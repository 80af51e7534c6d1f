"""Others before our signatures, and we before theirs: pyHanko, poppler's pdfsig, OpenSSL and, where it was built, EU DSS.

FOLDER (argument) holds what `sign_vectors write` made; SIGN_VECTORS is that program; DSS_CLASSPATH the judge in Java.
Each case prints one line; the first that does not hold ends it.
"""

import glob
import io
import json
import os
import subprocess
import sys
import time

from asn1crypto import crl as asn1_crl, keys as asn1_keys, tsp, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

FOLDER = sys.argv[1]
VECTORS = os.environ["SIGN_VECTORS"]
NOW = str(int(time.time()))
passed = 0

# pyHanko's own rules for changes allow a form to be filled and the information dictionary to be written anew.
LAX_IN_PYHANKO = {
    "changed_form_value.form-value",
    "changed_form_value.unsigned-field",
    "changed_page_content.field-look",
    "changed_other.information-in-disguise",
}
# EU DSS reads the page as it was in both: PDFBox still finds an object that was freed, and nothing on a page
# points to the information dictionary.
LAX_IN_DSS = {"changed_page_content.hide-by-freeing", "changed_other.information-in-disguise"}


def at(name):
    return os.path.join(FOLDER, name)


def case(name, holds, what=""):
    global passed
    if not holds:
        sys.exit(f"FAILED {name}: {what}")
    passed += 1
    print(f"ok {name}")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def tool(*command, **more):
    return subprocess.run(command, capture_output=True, timeout=120, **more)


root = x509.Certificate.load(read(at("root.der")))
authority = x509.Certificate.load(read(at("authority.der")))
crls = [asn1_crl.CertificateList.load(read(at(f"crl-{n}.der"))) for n in (0, 1)]
HARD = {"trust_roots": [root], "allow_fetching": False, "revocation_mode": "hard-fail"}


def from_outside():
    return ValidationContext(crls=crls, other_certs=[authority], **HARD)


def from_inside(reader):
    return DocumentSecurityStore.read_dss(reader).as_validation_context(HARD)


def pyhanko(path):
    """Whether pyHanko accepts every signature and timestamp of a file, without a network, revocation known."""
    with open(path, "rb") as file:
        reader = PdfFileReader(file, strict=True)
        inside = "/DSS" in reader.root
        context = (lambda: from_inside(reader)) if inside else from_outside
        found = reader.embedded_regular_signatures
        verdicts = [validate_pdf_signature(one, context()).bottom_line for one in found]
        for one in reader.embedded_timestamp_signatures:
            status = validate_pdf_timestamp(one, context())
            verdicts.append(status.intact and status.valid and status.trusted)
        return bool(found) and all(verdicts)


def refused_by_pyhanko(path):
    try:
        return not pyhanko(path)
    except Exception as error:  # a reader may refuse the file itself
        return error is not None


for path in sorted(glob.glob(at("good/*.pdf"))):
    case(f"pyhanko accepts {os.path.basename(path)}", pyhanko(path))
for path in sorted(glob.glob(at("bad/*.pdf"))):
    name = os.path.basename(path).removesuffix(".pdf")
    if name in LAX_IN_PYHANKO:
        print(f"-- pyhanko allows {name} by its own rules")
    else:
        case(f"pyhanko refuses {name}", refused_by_pyhanko(path))

# poppler: an NSS database that trusts the root.
nss = "sql:" + at("nss")
os.makedirs(at("nss"), exist_ok=True)
for name in ("root", "authority"):
    tool("openssl", "x509", "-inform", "der", "-in", at(f"{name}.der"), "-out", at(f"{name}.pem"), check=True)
tool("certutil", "-N", "-d", nss, "--empty-password", check=True)
tool("certutil", "-A", "-d", nss, "-n", "root", "-t", "C,C,C", "-i", at("root.pem"), check=True)


def pdfsig(path):
    return tool("pdfsig", "-no-ocsp", "-nssdir", nss, path).stdout.decode(errors="replace")


for path in sorted(glob.glob(at("good/*.pdf"))):
    said = pdfsig(path)
    # pdfsig does not judge timestamps of documents.
    signatures = said.count("Signature Type: ETSI.CAdES.detached")
    valid = said.count("Signature is Valid") == signatures == said.count("Certificate is Trusted") > 0
    case(f"pdfsig accepts {os.path.basename(path)}", valid, said)
case("pdfsig refuses the flipped byte", "Digest Mismatch" in pdfsig(at("bad/other_content.flipped.pdf")))
case("pdfsig does not trust a stranger", "Certificate is Trusted" not in pdfsig(at("bad/untrusted_issuer.stranger.pdf")))

# Our check of our own vectors: good at their level, bad for their reason.
OUTSIDE = [at("crl-0.der"), at("crl-1.der")]


def ours(path, *lists):
    done = tool(VECTORS, "read", path, NOW, at("root.der"), *lists)
    return json.loads(done.stdout)


def codes(report):
    return [one["code"] for one in report["findings"]] + [
        finding["code"] for one in report["signatures"] for finding in one["findings"]
    ]


for path in sorted(glob.glob(at("good/*.pdf"))):
    name = os.path.basename(path)
    report = ours(path, *([] if "LT" in name else OUTSIDE))
    level = report["signatures"][0]["level"] if report["signatures"] else None
    case(f"we accept {name}", report["verdict"] == "genuine" and level == name.split(".")[0], report)
for path in sorted(glob.glob(at("bad/*.pdf"))):
    name = os.path.basename(path)
    report = ours(path, *([] if "LT" in name else OUTSIDE))
    case(f"we refuse {name}", report["verdict"] != "genuine" and name.split(".")[0] in codes(report), report)

# What pyHanko makes with the same keys.


def private(name):
    scalar = int.from_bytes(read(at(f"keys/{name}.key")), "big")
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    pkcs8 = serialization.PrivateFormat.PKCS8
    der = key.private_bytes(serialization.Encoding.DER, pkcs8, serialization.NoEncryption())
    with open(at(f"keys/{name}.pem"), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()))
    return asn1_keys.PrivateKeyInfo.load(der)


def certificate(name):
    return x509.Certificate.load(read(at(f"keys/{name}.der")))


registry = SimpleCertificateStore()
registry.register(authority)
signer = signers.SimpleSigner(certificate("seal"), private("seal"), registry)


class OurStamps(timestamps.TimeStamper):
    """pyHanko asks, our timestamp role answers."""

    async def async_request_tsa_response(self, req):
        with open(at("theirs.tsq"), "wb") as file:
            file.write(req.dump())
        tool(VECTORS, "stamp", FOLDER, at("theirs.tsq"), at("theirs.tsr"), str(int(time.time())), check=True)
        return tsp.TimeStampResp.load(read(at("theirs.tsr")))


stamper = OurStamps()
private("person")


def theirs(level):
    writer = IncrementalPdfFileWriter(io.BytesIO(read(at("plain.pdf"))))
    meta = signers.PdfSignatureMetadata(
        field_name="Theirs",
        md_algorithm="sha256",
        subfilter=fields.SigSeedSubFilter.PADES,
        validation_context=from_outside() if level != "B-B" else None,
        embed_validation_info=level in ("B-LT", "B-LTA"),
        use_pades_lta=level == "B-LTA",
    )
    out = signers.sign_pdf(writer, meta, signer, timestamper=None if level == "B-B" else stamper)
    path = at(f"theirs-{level}.pdf")
    with open(path, "wb") as file:
        file.write(out.getbuffer())
    return path


NOW = str(int(time.time()) + 2)
for level in ("B-B", "B-T", "B-LT", "B-LTA"):
    path = theirs(level)
    report = ours(path, *([] if "LT" in level else OUTSIDE))
    told = [one["level"] for one in report["signatures"] if one["kind"] == "signature"]
    case(f"we accept pyhanko's {level}", report["verdict"] == "genuine" and told == [level], report)
    flipped = bytearray(read(path))
    flipped[flipped.index(b"1,000 won")] = ord("9")
    with open(at("flipped.pdf"), "wb") as file:
        file.write(flipped)
    report = ours(at("flipped.pdf"), *OUTSIDE)
    case(f"we refuse pyhanko's {level} with a byte flipped", report["verdict"] == "altered", report)
    writer = IncrementalPdfFileWriter(io.BytesIO(read(path)))
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"BT ET"))
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    with open(at("changed.pdf"), "wb") as file:
        file.write(out.getbuffer())
    report = ours(at("changed.pdf"), *OUTSIDE)
    case(f"we refuse pyhanko's {level} with a page changed", "changed_page_content" in codes(report), report)

# OpenSSL: timestamps, CMS, lists and answers.
chain = ["-CAfile", at("root.pem"), "-untrusted", at("authority.pem")]
tool("openssl", "ts", "-query", "-data", at("plain.pdf"), "-sha256", "-cert", "-out", at("q.tsq"), check=True)
tool(VECTORS, "stamp", FOLDER, at("q.tsq"), at("r.tsr"), NOW, check=True)
verify = lambda data: tool("openssl", "ts", "-verify", "-data", at(data), "-in", at("r.tsr"), *chain)
case("openssl ts accepts our timestamp", verify("plain.pdf").returncode == 0, verify("plain.pdf").stderr)
case("openssl ts refuses it for other data", verify("root.der").returncode != 0)
tool("openssl", "ts", "-query", "-data", at("plain.pdf"), "-sha512", "-cert", "-out", at("q.tsq"), check=True)
tool(VECTORS, "stamp", FOLDER, at("q.tsq"), at("r.tsr"), NOW, check=True)
said = tool("openssl", "ts", "-reply", "-in", at("r.tsr"), "-text").stdout
case("openssl ts reads our refusal of SHA-512", b"unrecognized or unsupported algorithm" in said, said)

cms = ["openssl", "cms", "-verify", "-inform", "DER", "-binary", "-cades", "-purpose", "any", "-out", "/dev/null"]
cms += ["-CAfile", at("root.pem"), "-in", at("plain.p7s")]
case("openssl cms accepts our CAdES", tool(*cms, "-content", at("plain.pdf")).returncode == 0)
case("openssl cms refuses it for other data", tool(*cms, "-content", at("root.der")).returncode != 0)
tool("openssl", "x509", "-inform", "der", "-in", at("keys/person.der"), "-out", at("keys/person.crt"), check=True)
made = ["openssl", "cms", "-sign", "-binary", "-cades", "-md", "sha256", "-outform", "DER", "-signer", at("keys/person.crt")]
made += ["-inkey", at("keys/person.pem"), "-certfile", at("authority.pem"), "-in", at("plain.pdf"), "-out", at("theirs.p7s")]
tool(*made, check=True)
told = lambda content: tool(VECTORS, "cades", at(content), at("theirs.p7s"), NOW, at("root.der")).stdout.decode()
case("we accept openssl's CAdES", told("plain.pdf").startswith("genuine"), told("plain.pdf"))
case("we refuse it for other data", told("root.der").strip() == "other_content", told("root.der"))
for number, issuer in ((0, "root"), (1, "authority")):
    command = ["openssl", "crl", "-inform", "der", "-in", at(f"crl-{number}.der"), "-noout", "-CAfile", at(f"{issuer}.pem")]
    said = tool(*command).stderr
    case(f"openssl crl accepts the list of the {issuer}", b"verify OK" in said, said)
tool("openssl", "x509", "-inform", "der", "-in", at("keys/seal.der"), "-out", at("keys/seal.crt"), check=True)
ocsp = ["openssl", "ocsp", "-respin", at("ocsp.der"), "-issuer", at("authority.pem"), "-cert", at("keys/seal.crt")]
said = tool(*ocsp, "-CAfile", at("root.pem"), "-verify_other", at("authority.pem"), "-no_nonce")
case("openssl ocsp accepts our answer", b"verify OK" in said.stderr and b": good" in said.stdout, said)

# EU DSS, no network, its policy made strict on changes after signing.
java = ["java", "-Djava.net.useSystemProxies=false", "-cp", os.environ["DSS_CLASSPATH"], "Judge", FOLDER]
done = subprocess.run(java, capture_output=True, timeout=600)
lines = [line.split("\t") for line in done.stdout.decode().splitlines()]
case("EU DSS ran", done.returncode == 0 and lines, done.stderr.decode()[-2000:])
for path in sorted(glob.glob(at("good/*.pdf"))):
    name = "good/" + os.path.basename(path)
    level = "PAdES_BASELINE_" + os.path.basename(path).split(".")[0].removeprefix("B-")
    mine = [line for line in lines if line[0] == name]
    good = all(line[1] == "TOTAL_PASSED" and line[3].replace("-", "_") == level for line in mine)
    case(f"EU DSS accepts {name} as {level}", mine and good, mine)
for path in sorted(glob.glob(at("bad/*.pdf"))):
    name = "bad/" + os.path.basename(path)
    mine = [line for line in lines if line[0] == name]
    if os.path.basename(path).removesuffix(".pdf") in LAX_IN_DSS:
        print(f"-- EU DSS allows {name}: in its eyes no page changed")
        continue
    case(f"EU DSS refuses {name}", mine and not all(line[1] == "TOTAL_PASSED" for line in mine), mine)

print(f"sign: {passed} cases hold")
