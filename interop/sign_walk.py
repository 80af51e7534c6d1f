"""An official's signature from the request to the file: asked for by a relying party, signed in the wallet app (`sign.mjs`, before
this) and on the phone in the terminal, and accepted by pyHanko and poppler's pdfsig with nothing but the platform's root.

FOLDER (argument) holds `plain.pdf`; MAPAE is the program, MAPAE_DEMO what `mapae demo --json` printed. Each case prints one
line; the first that does not hold ends it.
"""

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore

FOLDER = sys.argv[1]
with open(os.environ["MAPAE_DEMO"], encoding="utf-8") as file:
    DEMO = json.load(file)
with open(os.path.join(FOLDER, "plain.pdf"), "rb") as file:
    PLAIN = file.read()
PUBLIC = DEMO["urls"]["public"].rstrip("/")


def case(name, holds, what=""):
    if not holds:
        sys.exit(f"FAILED {name}: {what}")
    print(f"ok {name}")


def http(method, path, body=None, key=DEMO["relying_party"]["api_key"]):
    request = urllib.request.Request(PUBLIC + path, method=method)
    request.add_header("authorization", f"Bearer {key}")
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def ask(title, **more):
    holder = DEMO["holder"]
    body = {
        "title": title,
        "purpose": "예시 결재",
        "document": base64.b64encode(PLAIN).decode(),
        "signers": [{"inst_code": holder["agency"], "employee_number": holder["number"]}],
        "expires_in": 3600,
        **more,
    }
    status, answer = http("POST", "/api/v1/signatures", body)
    case(f"asked for: {title}", status == 201, answer)
    return json.loads(answer)["id"]


def standing(request):
    return json.loads(http("GET", f"/api/v1/signatures/{request}")[1])


def until(request, state):
    # A worker puts the signature into the document a moment after it was given.
    for _ in range(600):
        now = standing(request)
        if now["state"] == state:
            return now
        time.sleep(0.1)
    return sys.exit(f"FAILED {request} never came to {state}: {now}")


def phone(*words, pin=None):
    environment = {**os.environ, **DEMO["phone"]["environment"]}
    if pin:
        environment["MAPAE_PIN"] = pin
    command = [os.environ["MAPAE"], "wallet", *DEMO["phone"]["arguments"], "--json", *words]
    done = subprocess.run(command, capture_output=True, timeout=300, env=environment)
    return done.returncode, json.loads(done.stdout)


def fetched(request):
    status, pdf = http("GET", f"/api/v1/signatures/{request}/document")
    case("fetched", status == 200 and pdf.startswith(PLAIN), status)
    return pdf


with urllib.request.urlopen(PUBLIC + "/documents/root.crt", timeout=60) as answer:
    ROOT = answer.read()
with open(os.path.join(FOLDER, "walk-root.der"), "wb") as file:
    file.write(ROOT)


def accepted(pdf, name):
    reader = PdfFileReader(io.BytesIO(pdf), strict=True)
    trust = {"trust_roots": [x509.Certificate.load(ROOT)], "allow_fetching": False, "revocation_mode": "hard-fail"}
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(trust)
    [signature] = reader.embedded_regular_signatures
    status = validate_pdf_signature(signature, context)
    case(f"pyHanko accepts {name}", status.bottom_line, status.pretty_print_details())
    path = os.path.join(FOLDER, f"{name}.pdf")
    with open(path, "wb") as file:
        file.write(pdf)
    said = subprocess.run(
        ["pdfsig", "-no-ocsp", "-nssdir", nss, path], capture_output=True, timeout=120
    ).stdout.decode(errors="replace")
    holds = "Signature is Valid" in said and "Certificate is Trusted" in said
    case(f"pdfsig accepts {name}", holds and said.count("Signature #") == 1, said)
    return said


nss = "sql:" + os.path.join(FOLDER, "walk-nss")
os.makedirs(os.path.join(FOLDER, "walk-nss"), exist_ok=True)
subprocess.run(["certutil", "-N", "-d", nss, "--empty-password"], check=True)
subprocess.run(
    ["certutil", "-A", "-d", nss, "-n", "root", "-t", "C,C,C", "-i", os.path.join(FOLDER, "walk-root.der")], check=True
)

with open(os.path.join(FOLDER, "browser-signed.pdf"), "rb") as file:
    said = accepted(file.read(), "the file that was signed in Chromium")
with open(os.path.join(FOLDER, "browser-signer.txt"), encoding="utf-8") as file:
    case("it bears the official's name", file.read() in said, said)

one = ask("예시 결재 문서")
code, listed = phone("sign")
case("the phone lists it", code == 0 and [each["request"] for each in listed["documents"]] == [one], listed)
saved = os.path.join(FOLDER, "saved")
os.makedirs(saved, exist_ok=True)
code, said = phone("sign", one, "--yes", "--save", saved, pin="271829")
case("a wrong PIN signs nothing", code == 5 and standing(one)["state"] == "waiting", said)
with open(os.path.join(saved, f"{one}.pdf"), "rb") as file:
    case("what was shown is what was sent in", file.read() == PLAIN)
code, said = phone("sign", one, "--yes")
case("signed with the PIN", code == 0, said)
until(one, "signed")
name = DEMO["login"]["name"]
case("the signature has the official's name", name in accepted(fetched(one), "walk"), name)

other = ask("예시: 거절할 문서")
code, said = phone("sign", other, "--refuse", "예시: 금액이 다릅니다")
case("refused with a reason", code == 0 and until(other, "refused")["reason"] == "예시: 금액이 다릅니다", said)

several = [ask(f"예시 문서 {n}") for n in range(3)]
code, said = phone("sign", "--all", "--yes")
case("three by one PIN", code == 0 and len(said["documents"]) == 3, said)
for n, request in enumerate(several):
    until(request, "signed")
    accepted(fetched(request), f"several-{n}")
print("the walk from request to signed file holds")
