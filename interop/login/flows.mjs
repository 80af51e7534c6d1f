// npm `openid-client` through everything beyond the plain code flow: pushed and signed requests, private_key_jwt, DPoP, refresh
// and its reuse, introspection, revocation, the device grant, step-up, logout in both directions, a suspended badge.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import * as jose from 'jose';
import * as client from 'openid-client';
import { Browser, demo, phoneLogin } from '../demo.mjs';
import { REDIRECT, jwksFile, operator, register } from './registration.mjs';

const issuer = new URL(demo.urls.public);
const PIN = 'urn:mapae:acr:pin';

async function keyPair(kid) {
  const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  return { privateKey, jwk: { ...(await jose.exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' }, kid };
}

async function checks(extra = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const nonce = client.randomNonce();
  return {
    checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true },
    parameters: {
      redirect_uri: REDIRECT, scope: 'openid profile badge', state, nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
    },
  };
}

async function approve(url) {
  const browser = new Browser();
  const page = await browser.loginPage(url);
  await phoneLogin(page.link, page.number);
  return browser.returned(page);
}

async function login(config, extra, options) {
  const request = await checks(extra);
  const callback = await approve(client.buildAuthorizationUrl(config, request.parameters));
  return client.authorizationCodeGrant(config, callback, request.checks, undefined, options);
}

const refused = (code) => (error) => {
  assert.equal(error.error ?? error.cause?.error ?? error.message, code, `${error.stack}`);
  return true;
};

async function secretClient(id, set = [], add = []) {
  const { client_secret } = await register(id, { set, add });
  return client.discovery(issuer, id, undefined, client.ClientSecretBasic(client_secret));
}

test('private_key_jwt, a pushed request and tokens bound to a key: the FAPI 2.0 profile', async () => {
  const key = await keyPair('one');
  await register('fapi', { set: ['--profile', 'fapi2', '--jwks', jwksFile([key.jwk]), '--refresh'] });
  const config = await client.discovery(issuer, 'fapi', undefined, client.PrivateKeyJwt({ key: key.privateKey, kid: 'one' }));
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
  const request = await checks();
  await assert.rejects(async () => {
    const response = await new Browser().get(client.buildAuthorizationUrl(config, request.parameters));
    throw new Error(new URL(response.headers.get('location')).searchParams.get('error'));
  }, refused('invalid_request'));
  const url = await client.buildAuthorizationUrlWithPAR(config, request.parameters, { DPoP });
  assert.ok(url.searchParams.get('request_uri').startsWith('urn:ietf:params:oauth:request_uri:'));
  const callback = await approve(url);
  const tokens = await client.authorizationCodeGrant(config, callback, request.checks, undefined, { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.match(user.inst_code, /^\d{7}$/);
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), 'a copied token');
  const told = await client.tokenIntrospection(config, tokens.access_token);
  assert.equal(told.active, true);
  assert.ok(told.cnf.jkt);
  for (let turn = 0; turn < 2; turn += 1) {
    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    assert.equal(renewed.token_type, 'dpop');
  }
  const second = await fetch(url, { redirect: 'manual' });
  assert.equal(second.status, 400, 'another browser can not use the same request_uri');
});

test('a signed request object is taken, and its signature is looked at', async () => {
  const key = await keyPair('one');
  await register('signing', { set: ['--jwks', jwksFile([key.jwk]), '--signed-only'] });
  const config = await client.discovery(issuer, 'signing', undefined, client.PrivateKeyJwt({ key: key.privateKey, kid: 'one' }));
  const request = await checks();
  const url = await client.buildAuthorizationUrlWithJAR(config, request.parameters, { key: key.privateKey, kid: 'one' });
  const tokens = await client.authorizationCodeGrant(config, await approve(url), request.checks);
  assert.ok(tokens.claims().sub);
  const other = await keyPair('one');
  const forged = await client.buildAuthorizationUrlWithJAR(config, request.parameters, { key: other.privateKey, kid: 'one' });
  assert.equal((await new Browser().get(forged)).status, 400);
});

test('refresh tokens rotate, and one that comes twice ends the session', async () => {
  const config = await secretClient('refreshing', ['--refresh', '--session-minutes', '480']);
  const first = await login(config);
  const second = await client.refreshTokenGrant(config, first.refresh_token);
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(second.claims().sid, first.claims().sid);
  assert.ok((await client.fetchUserInfo(config, second.access_token, second.claims().sub)).name);
  await assert.rejects(client.refreshTokenGrant(config, first.refresh_token), refused('invalid_grant'));
  await assert.rejects(client.refreshTokenGrant(config, second.refresh_token), refused('invalid_grant'));
  await assert.rejects(client.fetchUserInfo(config, second.access_token, second.claims().sub));
});

test('introspection and revocation', async () => {
  const config = await secretClient('asking', ['--refresh']);
  const tokens = await login(config);
  const told = await client.tokenIntrospection(config, tokens.access_token);
  assert.equal(told.active, true);
  assert.equal(told.sub, tokens.claims().sub);
  assert.ok(told.preferred_username, 'a resource server can name the account');
  const stranger = await secretClient('stranger');
  assert.deepEqual(await client.tokenIntrospection(stranger, tokens.access_token), { active: false });
  await client.tokenRevocation(config, tokens.refresh_token);
  assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false);
});

test('single claims by the claims parameter', async () => {
  const config = await secretClient('choosy');
  const claims = JSON.stringify({ userinfo: { department: null }, id_token: { preferred_username: null } });
  const tokens = await login(config, { scope: 'openid', claims });
  assert.ok(tokens.claims().preferred_username);
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.ok(user.department && !user.name);
});

test('step-up to the PIN is granted from the record of the account', async () => {
  const config = await secretClient('stepping');
  const base = await login(config);
  assert.equal(base.claims().acr, 'urn:mapae:acr:base');
  const strong = await login(config, { acr_values: PIN, max_age: '0' });
  assert.equal(strong.claims().acr, PIN);
  assert.ok(strong.claims().amr.includes('pin'));
  const silent = await checks({ prompt: 'none' });
  const response = await new Browser().get(client.buildAuthorizationUrl(config, silent.parameters));
  assert.equal(new URL(response.headers.get('location')).searchParams.get('error'), 'login_required');
});

test('a device without a browser logs in by a code that the person types', async () => {
  await register('vpn', { add: ['--public'], set: ['--device', '--refresh'] });
  const config = await client.discovery(issuer, 'vpn', undefined, client.None());
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid badge' });
  assert.match(begun.user_code, /^[A-Z]{4}-[A-Z]{4}$/);
  const browser = new Browser();
  const page = await browser.loginPage(begun.verification_uri, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ user_code: begun.user_code }),
  });
  const polled = client.pollDeviceAuthorizationGrant(config, begun);
  await phoneLogin(page.link, page.number);
  const tokens = await polled;
  assert.ok(tokens.claims().sub && tokens.refresh_token);
  await assert.rejects(client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 6 }), refused('invalid_grant'));
});

/** A relying party's ear for logout tokens. */
async function ear() {
  const heard = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => { body += piece; });
    request.on('end', () => { heard.push({ at: Date.now(), token: new URLSearchParams(body).get('logout_token') }); response.end(); });
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  return { heard, url: `http://localhost:${server.address().port}/logout`, close: () => server.close() };
}

async function until(condition, patience = 10_000) {
  const end = Date.now() + patience;
  while (!condition()) {
    assert.ok(Date.now() < end, 'waited in vain');
    await new Promise((done) => { setTimeout(done, 10); });
  }
}

test('the relying party logs out through the browser', async () => {
  const back = 'http://localhost:9/bye';
  const config = await secretClient('leaving', ['--logout-uri', back]);
  const tokens = await login(config);
  const url = client.buildEndSessionUrl(config, { post_logout_redirect_uri: back, id_token_hint: tokens.id_token, state: 'x' });
  const response = await new Browser().get(url);
  assert.equal(response.headers.get('location'), `${back}?state=x`);
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
  const foreign = client.buildEndSessionUrl(config, { post_logout_redirect_uri: 'https://attacker.example/', id_token_hint: tokens.id_token });
  assert.equal((await new Browser().get(foreign)).status, 400);
});

test('a suspended badge: relying parties are told within a second, and nothing from before works again', async () => {
  const listening = await ear();
  const config = await secretClient('listening', ['--refresh', '--backchannel-uri', listening.url]);
  const tokens = await login(config);
  const holder = ['--agency', demo.login.inst_code, '--number', demo.login.employee_number, '--by', 'yesi.boan'];
  await operator('badge', 'suspend', ...holder, '--reason', 'loss');
  const suspended = Date.now();
  await until(() => listening.heard.length > 0);
  const took = listening.heard[0].at - suspended;
  const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
  const { payload, protectedHeader } = await jose.jwtVerify(listening.heard[0].token, keys, {
    issuer: config.serverMetadata().issuer, audience: 'listening', typ: 'logout+jwt', requiredClaims: ['iat', 'jti', 'sid', 'sub'],
  });
  assert.equal(protectedHeader.alg, 'ES256');
  assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
  assert.equal(payload.sid, tokens.claims().sid);
  assert.equal(payload.nonce, undefined);
  assert.ok(took <= 1_000, `told ${took} ms after the command returned`);
  console.log(`told ${took} ms after the command that suspended the badge had returned`);
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refused('invalid_grant'));
  const request = await checks();
  const page = await new Browser().loginPage(client.buildAuthorizationUrl(config, request.parameters));
  assert.equal(await phoneLogin(page.link, page.number, { mayFail: true }), undefined, 'no new login');
  await operator('badge', 'resume', ...holder, '--reason', 'found');
  await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), refused('invalid_grant'));
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
  assert.ok((await login(config)).claims().sub, 'a new login works');
  listening.close();
});
