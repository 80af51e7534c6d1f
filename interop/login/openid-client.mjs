// npm `openid-client` logs in with the badge: discovery, code + PKCE S256, id_token, userinfo; then what must be refused.
// The login is approved by the terminal wallet, which scans what the login page shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as client from 'openid-client';
import { Browser, demo, phoneLogin } from '../demo.mjs';

const party = demo.relying_party;

async function discover(secret = party.client_secret) {
  return client.discovery(new URL(demo.urls.public), party.client_id, undefined, client.ClientSecretBasic(secret));
}

async function authorize(config, extra = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: party.redirect_uri,
    scope: 'openid profile badge',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...extra,
  });
  return { verifier, state, nonce, url };
}

async function login(config, extra) {
  const request = await authorize(config, extra);
  const browser = new Browser();
  const page = await browser.loginPage(request.url);
  await phoneLogin(page.link, page.number);
  return { ...request, callback: await browser.returned(page) };
}

test('the code flow ends with a verified id_token and the official’s claims', async () => {
  const config = await discover();
  const { verifier, state, nonce, callback } = await login(config);
  const tokens = await client.authorizationCodeGrant(config, callback, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  });
  const claims = tokens.claims();
  assert.equal(claims.iss, config.serverMetadata().issuer);
  assert.ok(claims.acr && claims.auth_time);
  const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.match(user.inst_code, /^\d{7}$/);
  assert.equal(user.instCode, user.inst_code);
  assert.ok(user.cn && user.name);
  console.log(`logged in as ${user.name} of ${user.inst_code}, acr ${claims.acr}`);
});

test('a code works once, and its replay ends the access token', async () => {
  const config = await discover();
  const { verifier, state, nonce, callback } = await login(config);
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
  const tokens = await client.authorizationCodeGrant(config, callback, checks);
  await assert.rejects(client.authorizationCodeGrant(config, callback, checks), (error) => error.error === 'invalid_grant');
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
});

test('another verifier is refused', async () => {
  const config = await discover();
  const { state, nonce, callback } = await login(config);
  await assert.rejects(
    client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: state, expectedNonce: nonce }),
    (error) => error.error === 'invalid_grant',
  );
});

test('a wrong client secret is refused', async () => {
  const { verifier, state, nonce, callback } = await login(await discover());
  const stranger = await discover('not-the-secret');
  await assert.rejects(
    client.authorizationCodeGrant(stranger, callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }),
    // A 401 with a challenge, as RFC 6749 §5.2 wants it after HTTP Basic.
    (error) => error instanceof client.WWWAuthenticateChallengeError && error.status === 401,
  );
});

test('a wrong number on the phone logs nobody in', async () => {
  const config = await discover();
  const request = await authorize(config);
  const browser = new Browser();
  const page = await browser.loginPage(request.url);
  const wrong = String((Number(page.number) + 1) % 100).padStart(2, '0');
  await phoneLogin(page.link, wrong, { mayFail: true });
  await assert.rejects(browser.returned(page, 3000));
});

test('a redirect URI that is not registered gets a page, never a redirect', async () => {
  const config = await discover();
  const { url } = await authorize(config, { redirect_uri: 'https://attacker.example/callback' });
  const response = await new Browser().get(url);
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('location'), null);
});
