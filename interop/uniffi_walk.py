"""CPython as the phone: enrol, receive a badge and log in through the UniFFI bindings, with the standard library only.

The device key signs in Python (P-256 below), so every signature that the server takes was made on this side of the
bindings. Two phones: one whose holder keys rest in the vault, one that lends a store of its own for them.
"""

import hashlib
import html
import json
import os
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request

import mapae_wallet as mapae
from mapae_wallet import SignerError, StorageError, WalletError

with open(os.environ["MAPAE_DEMO"], encoding="utf-8") as description:
    DEMO = json.load(description)
PUBLIC = DEMO["urls"]["public"]
SAMPLE = DEMO["urls"]["relying_party"]
PIN, NEW_PIN, WRONG_PIN = "482951", "730264", "915372"


# ---- P-256, by the formulas of SEC 1 ------------------------------------------------------------------------------

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    slope = (
        (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    ) % P
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def multiply(scalar, point=G):
    product = None
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def der_integer(number):
    body = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(body)]) + body


class Key:
    def __init__(self):
        self.secret = 1 + secrets.randbelow(N - 1)
        x, y = multiply(self.secret)
        self.public = b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")

    def sign(self, message):
        digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
        while True:
            nonce = 1 + secrets.randbelow(N - 1)
            r = multiply(nonce)[0] % N
            s = pow(nonce, -1, N) * (digest + r * self.secret) % N
            if r and s:
                body = der_integer(r) + der_integer(s)
                return b"\x30" + bytes([len(body)]) + body


# ---- The ports ----------------------------------------------------------------------------------------------------


class Signer(mapae.DeviceSigner):
    def __init__(self):
        self.key = None
        self.declines = False
        self.signed = 0

    def create_key(self):
        self.key = Key()
        return self.key.public

    def sign(self, message):
        if self.declines:
            raise SignerError.Declined()
        if self.key is None:
            raise SignerError.Missing()
        self.signed += 1
        return self.key.sign(message)

    def delete_key(self):
        self.key = None

    def security_level(self):
        return mapae.SecurityLevel.SOFTWARE


class HolderKeys(mapae.CredentialKeys):
    def __init__(self):
        self.keys = {}
        self.signed = 0

    def create_key(self, purpose):
        key, name = Key(), f"{purpose.name.lower()}:{len(self.keys)}"
        self.keys[name] = key
        return mapae.CreatedKey(name=name, public_key=key.public)

    def sign(self, name, message):
        if name not in self.keys:
            raise SignerError.Missing()
        self.signed += 1
        return self.keys[name].sign(message)

    def delete_key(self, name):
        self.keys.pop(name, None)

    def security_level(self):
        return mapae.SecurityLevel.SOFTWARE


class Place(mapae.Storage):
    def __init__(self):
        self.blob = None
        self.full = False

    def load(self):
        return self.blob

    def save(self, blob):
        if self.full:
            raise StorageError.Full()
        self.blob = blob


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Net(mapae.Http):
    def __init__(self):
        self.opener = urllib.request.build_opener(NoRedirect)
        self.fault = None

    def send(self, request):
        if self.fault:
            raise self.fault
        headers = {"accept-language": "ko"} | {header.name: header.value for header in request.headers}
        body = request.body if request.method == mapae.HttpMethod.POST else None
        try:
            answer = self.opener.open(
                urllib.request.Request(request.url, body, headers, method=request.method.name), timeout=30
            )
        except urllib.error.HTTPError as refused:
            answer = refused
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise mapae.HttpError.Unreachable() from error
            raise mapae.HttpError.AnswerLost() from error
        with answer:
            body = answer.read(request.max_response + 1)
            if len(body) > request.max_response:
                raise mapae.HttpError.TooLarge()
            headers = [mapae.HttpHeader(name=name.lower(), value=value) for name, value in answer.headers.items()]
            return mapae.HttpResponse(status=answer.status, headers=headers, body=body)


class Now(mapae.Clock):
    def now_ms(self):
        return time.time_ns() // 1_000_000


class Phone:
    """A wallet with its ports within reach."""

    def __init__(self, holder_keys=None):
        self.signer, self.holder_keys, self.place, self.net = Signer(), holder_keys, Place(), Net()
        self.key = secrets.token_bytes(32)
        self.wallet = mapae.Wallet.create(self.ports(), self.key, b"demo")

    def ports(self):
        return mapae.Ports(
            device=self.signer, credential_keys=self.holder_keys, storage=self.place, http=self.net, clock=Now()
        )


# ---- The world around the phone -----------------------------------------------------------------------------------


def api(path, body=None, token=None, method="POST"):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(PUBLIC + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def message(phone, seen):
    """The text of the newest message to a number, once there are more than were seen."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        messages = api(f"/demo/messages.json?to={urllib.parse.quote(phone)}", method="GET")
        if len(messages) > seen:
            return messages[0]["text"]
        time.sleep(0.05)
    raise AssertionError(f"no message came to {phone}")


class Browser:
    """Cookies of one host, redirects by hand, and the login page read as a person would read it.

    Not Python's cookie jar: it keeps secure cookies from plain HTTP, which browsers allow to this machine.
    """

    def __init__(self):
        self.opener = urllib.request.build_opener(NoRedirect)
        self.cookies = {}

    def open(self, url, body=None):
        for _ in range(10):
            headers = {"content-type": "application/json"} if body else {"accept": "text/html"}
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            data = json.dumps(body).encode() if body else None
            try:
                answer = self.opener.open(urllib.request.Request(url, data, headers), timeout=30)
            except urllib.error.HTTPError as other:
                answer = other
            with answer:
                for line in answer.headers.get_all("set-cookie") or []:
                    name, _, value = line.split(";")[0].partition("=")
                    self.cookies[name.strip()] = value.strip()
                if location := answer.headers.get("location"):
                    url = urllib.parse.urljoin(url, location)
                    continue
                assert answer.status < 400, f"{url} answered {answer.status}"
                return url, answer.read().decode()
        raise AssertionError("too many redirects")

    def login_page(self):
        self.url, page = self.open(SAMPLE + "/login")
        self.number = re.search(r'login-digits">\s*(\d\d)\s*<', page)[1]
        attribute = lambda name: html.unescape(re.search(f'{name}="([^"]*)"', page)[1])
        self.link, self.login, self.draw = attribute("data-scan"), attribute("data-login"), int(attribute("data-draw"))

    def follow(self):
        """Waits for the phone; returns the claims that the relying party knows, or the state in which the login ended."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            _, text = self.open(urllib.parse.urljoin(self.url, "/login/poll"), {"login": self.login, "draw": self.draw})
            answer = json.loads(text)
            if "next" in answer and answer["next"]:
                _, page = self.open(urllib.parse.urljoin(self.url, answer["next"]))
                raw = re.search(r'sample-raw">(.*?)</pre>', page, re.DOTALL)
                return json.loads(html.unescape(raw[1])) if raw else None
            if answer.get("state") != "waiting":
                return answer["state"]
            time.sleep(0.05)
        raise AssertionError("the login page waited in vain")


def refused(shape, code, call, *arguments):
    """The call ends in an error of this shape with this code; returns the error."""
    try:
        call(*arguments)
    except WalletError as error:
        assert isinstance(error, shape), f"{error!r} is no {shape.__name__}"
        assert code is None or error.code == code, f"{error.code}, not {code}"
        return error
    raise AssertionError(f"nothing was refused; {code} was expected")


STARTED = time.monotonic()


def told(what):
    print(f"  {time.monotonic() - STARTED:6.2f} s  {what}", flush=True)


# ---- The walk -----------------------------------------------------------------------------------------------------


def enrol(phone, person):
    wallet = phone.wallet
    token = api("/api/v1/portal/session", {"login": person["login"], "password": person["password"]})["token"]
    link = next(word for word in message(person["phone"], 0).split() if word.startswith(PUBLIC))
    code = api("/api/v1/portal/activation-code", token=token)["code"]

    refused(WalletError.Refused, "install_link", wallet.activate, PUBLIC, code)
    refused(WalletError.Refused, "activation_refused", wallet.activate, link, "00000000")
    wallet.activate(link, code)
    assert wallet.onboarding_step() == mapae.OnboardingStep.ACTIVATED
    sent = wallet.prove_identity(person["name"], person["rrn"])
    assert sent.phone[-4:] == person["phone"][-4:]
    otp = re.search(r"(?<!\d)\d{6}(?!\d)", message(person["phone"], 1))[0]
    wrong = refused(WalletError.Refused, "otp_wrong", wallet.prove_phone, f"{(int(otp) + 1) % 10**6:06}")
    assert wrong.tries_left == 4, wrong.tries_left
    assert wallet.prove_phone(otp) == mapae.OnboardingStep.PROOFED
    refused(WalletError.Refused, "pin_run", wallet.register, "123456")

    # A refusal that crosses twice: raised here, carried through the library, caught here.
    phone.signer.declines = True
    refused(WalletError.Declined, "key_declined", wallet.register, PIN)
    assert wallet.onboarding_step() == mapae.OnboardingStep.PROOFED
    phone.signer.declines = False
    account = wallet.register(PIN)
    assert wallet.status().account == account
    told(f"enrolled {person['name']}: wrong code, wrong one-time password, weak PIN and a declining signer refused")


def receive(phone):
    wallet = phone.wallet
    received = wallet.receive_badge(None)
    card, document = wallet.cards()
    assert [card.format, document.format] == ["dc+sd-jwt", "mso_mdoc"]
    assert [card.id, document.id] == received.holdings and card.copies + document.copies == received.copies > 2
    for held in (card, document):
        checked = wallet.check(held.id)
        assert checked.issuer_signature and checked.key_binding and checked.refusal is None, checked
        assert checked.status == mapae.OwnStatus.VALID
    names = {claim.claim: json.loads(claim.value_json) for claim in card.claims}
    assert "name" in names, names
    assert wallet.sync().account_state == mapae.AccountState.ACTIVE
    told(f"received {received.copies} copies of {card.name_ko} / {card.name_en}; signature, key and status verified")
    return card


def unused(wallet):
    return sum(card.unused_copies for card in wallet.cards())


def log_in(phone, person, card):
    wallet, browser = phone.wallet, Browser()
    browser.login_page()
    request = wallet.ask(browser.link, False)
    consent = request.consent()
    assert consent.requester.verified and consent.login.number_digits == 2
    assert urllib.parse.urlparse(consent.login.origin).netloc == urllib.parse.urlparse(SAMPLE).netloc
    refused(WalletError.Refused, "number_needed", wallet.answer, request, mapae.Choice())

    before = wallet.status().unused_copies
    phone.signer.declines = True
    refused(WalletError.Declined, "key_declined", wallet.answer, request, mapae.Choice(number=browser.number))
    phone.signer.declines = False
    assert wallet.status().unused_copies == before == unused(wallet), "a declined key shows nothing"

    answered = wallet.answer(request, mapae.Choice(number=browser.number))
    assert not answered.reused_copy and wallet.status().unused_copies == before - 1
    claims = browser.follow()
    assert person["name"] in json.dumps(claims, ensure_ascii=False), claims
    refused(WalletError.Refused, "request_answered", wallet.answer, request, mapae.Choice(number=browser.number))
    told(f"logged in at {consent.login.name_ko} as {person['name']}; told {len(answered.claims)} claims")

    browser = Browser()
    browser.login_page()
    wrong = f"{(int(browser.number) + 1) % 100:02}"
    refused(WalletError.Refused, None, wallet.answer, wallet.ask(browser.link, False), mapae.Choice(number=wrong))
    browser.login_page()
    wallet.decline(wallet.ask(browser.link, False))
    assert browser.follow() != claims
    told("a wrong number and a declined login log nobody in")


def pin(phone):
    wallet = phone.wallet
    wallet.check_pin(PIN)
    wrong = refused(WalletError.Refused, "wrong_pin", wallet.check_pin, WRONG_PIN)
    assert wrong.tries_left == 4 and wallet.status().tries_left == 4
    wallet.change_pin(PIN, NEW_PIN)
    assert wallet.pin_change() is None
    refused(WalletError.Refused, "wrong_pin", wallet.check_pin, PIN)
    wallet.check_pin(NEW_PIN)
    assert wallet.resume() == mapae.ResumeOutcome.NOTHING()
    told("PIN proved, refused with tries left, and changed")


def faults(phone):
    wallet = phone.wallet
    phone.net.fault = mapae.HttpError.Unreachable()
    refused(WalletError.Network, "unreachable", wallet.sync)
    phone.net.fault = RuntimeError("a fault of the shell's own")
    refused(WalletError.Network, "answer_lost", wallet.sync)
    phone.net.fault = None
    phone.place.full = True
    refused(WalletError.Refused, "storage_full", wallet.sync)
    phone.place.full = False
    wallet.sync()
    told("no network, a fault in the shell and a full storage cross with their codes")


def vault(phone):
    history = phone.wallet.history()
    kinds = {type(record.act).__name__.rpartition(".")[2] for record in history}
    assert kinds == {"ENROLLED", "RECEIVED", "PRESENTED", "DECLINED", "PIN_CHANGED"}, kinds
    assert mapae.vault_hint(phone.place.blob) == b"demo"
    refused(WalletError.Refused, "vault_does_not_open", mapae.Wallet.open, phone.ports(), secrets.token_bytes(32))
    assert mapae.Wallet.open(phone.ports(), phone.key).history() == history
    new_key = secrets.token_bytes(32)
    phone.wallet.rekey(new_key, b"second")
    refused(WalletError.Refused, "vault_does_not_open", mapae.Wallet.open, phone.ports(), phone.key)
    phone.key = new_key
    again = mapae.Wallet.open(phone.ports(), phone.key)
    assert len(again.cards()) == 2
    again.wipe()
    assert again.cards() == [] and again.status().account is None and again.history() == history
    assert phone.signer.key is None, "a wiped wallet leaves no device key"
    told(f"the vault opens with its key only; wiped, it keeps nothing but {len(history)} lines of history")


def main():
    first, second = DEMO["standard_wallets"]
    phone = Phone()
    assert phone.wallet.security().credential_keys == mapae.SecurityLevel.SOFTWARE
    enrol(phone, first)
    log_in(phone, first, receive(phone))
    pin(phone)
    faults(phone)
    vault(phone)

    keys = HolderKeys()
    phone = Phone(keys)
    enrol(phone, second)
    card = receive(phone)
    held = sum(each.copies for each in phone.wallet.cards())
    assert len(keys.keys) == held, "every holder key is the shell's"
    signed = keys.signed
    log_in(phone, second, card)
    assert keys.signed > signed, "the presentation was signed by the shell"
    told(f"{keys.signed} signatures by the shell's holder keys, {phone.signer.signed} by its device key")
    phone.wallet.wipe()
    assert not keys.keys, "a wiped wallet leaves no holder key"


if __name__ == "__main__":
    main()
