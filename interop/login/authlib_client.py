"""PyPI Authlib logs in with the badge: code + PKCE, ID token, refresh, introspection, revocation; then a wrong verifier and a replay.

The login is approved by the terminal wallet, which scans what the login page shows.
"""

import html
import json
import os
import re
import subprocess
import time
import urllib.parse

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

DEMO = json.load(open(os.environ["MAPAE_DEMO"], encoding="utf-8"))
MAPAE = os.environ["MAPAE"]
ISSUER = DEMO["urls"]["public"]
REDIRECT = "http://localhost:9/callback"


def mapae(environment, *arguments):
    done = subprocess.run([MAPAE, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout


def register(client_id, *settings):
    environment = DEMO["operator"]["environment"]
    told = mapae(environment, "relying-party", "add", "--id", client_id, "--name-ko", "예시 이용기관", "--name-en", "Example party",
                 "--redirect-uri", REDIRECT, "--json")
    mapae(environment, "login-client", "set", client_id, *settings)
    return json.loads(told)["client_secret"]


def approve(url):
    """The login page in a browser without a screen, and the phone that scans it; returns the address it leads back to."""
    browser = requests.Session()
    page = browser.get(url, timeout=30)
    assert page.status_code == 200, page.text
    cookie = page.headers["set-cookie"].split(";")[0]

    def attribute(name):
        return html.unescape(re.search(f'{name}="([^"]*)"', page.text).group(1))

    number = re.search(r'login-digits">\s*(\d\d)\s*<', page.text).group(1)
    mapae(DEMO["phone"]["environment"], "wallet", *DEMO["phone"]["arguments"], "--json", "login", attribute("data-scan"), "--number", number, "--yes")
    for _ in range(100):
        polled = requests.post(f"{ISSUER}/login/poll", json={"login": attribute("data-login"), "draw": 0}, headers={"cookie": cookie}, timeout=30).json()
        if "next" in polled:
            done = requests.get(ISSUER + polled["next"], headers={"cookie": cookie}, allow_redirects=False, timeout=30)
            return done.headers["location"]
        assert polled["state"] == "waiting", polled
        time.sleep(0.1)
    raise AssertionError("the browser was not sent back")


def main():
    secret = register("authlib", "--refresh")
    metadata = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=30).json()
    verifier = "authlib-" + "v" * 40
    session = OAuth2Session("authlib", secret, scope="openid badge", redirect_uri=REDIRECT, code_challenge_method="S256",
                            token_endpoint=metadata["token_endpoint"])
    nonce = "the-nonce-of-authlib"
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    callback = approve(url)
    tokens = session.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=state, code_verifier=verifier)

    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"])
    claims = CodeIDToken(token.claims, token.header, {
        "iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": "authlib"}},
        {"nonce": nonce, "client_id": "authlib", "access_token": tokens["access_token"]})
    claims.validate(leeway=30)
    user = session.get(metadata["userinfo_endpoint"]).json()
    assert user["sub"] == claims["sub"] and re.fullmatch(r"\d{7}", user["inst_code"]), user

    first = tokens["refresh_token"]
    renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=first)
    assert renewed["refresh_token"] != first
    told = session.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
    assert told["active"] and told["client_id"] == "authlib", told
    assert session.revoke_token(metadata["revocation_endpoint"], token=renewed["access_token"]).status_code == 200
    told = session.introspect_token(metadata["introspection_endpoint"], token=renewed["access_token"]).json()
    assert told == {"active": False}, told

    def fresh():
        other = OAuth2Session("authlib", secret, scope="openid", redirect_uri=REDIRECT, code_challenge_method="S256")
        where, began = other.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        return other, approve(where), began

    other, callback, began = fresh()
    refused(lambda: other.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=began, code_verifier="w" * 48))
    other.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=began, code_verifier=verifier)
    refused(lambda: other.fetch_token(metadata["token_endpoint"], authorization_response=callback, state=began, code_verifier=verifier))
    print("Authlib: code + PKCE, ID token, userinfo, refresh, introspection, revocation; wrong verifier and replay refused")


def refused(call):
    try:
        call()
    except OAuthError as error:
        assert error.error == "invalid_grant", error
        return
    raise AssertionError("it was not refused")


main()
