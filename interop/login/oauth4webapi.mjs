// npm `oauth4webapi`, which checks every answer by itself: discovery, code + PKCE with `iss`, private_key_jwt with keys behind an
// address, PAR, DPoP, refresh, introspection; then what must be refused.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { Browser, demo, phoneLogin } from '../demo.mjs';
import { REDIRECT, register } from './registration.mjs';

const issuer = new URL(demo.urls.public);

async function server() {
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
}

async function begin(as, client, extra = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const parameters = new URLSearchParams({
    client_id: client.client_id, redirect_uri: REDIRECT, response_type: 'code', scope: 'openid badge', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...extra,
  });
  return { verifier, state, nonce, parameters };
}

async function approve(url) {
  const browser = new Browser();
  const page = await browser.loginPage(url);
  await phoneLogin(page.link, page.number);
  return browser.returned(page);
}

test('private_key_jwt with keys behind an address, PAR, DPoP, refresh, introspection', async () => {
  const pair = await oauth.generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await jose.exportJWK(pair.publicKey)), kid: 'k1', use: 'sig', alg: 'ES256' };
  let asked = 0;
  const keys = createServer((_, response) => { asked += 1; response.setHeader('content-type', 'application/json'); response.end(JSON.stringify({ keys: [jwk] })); });
  await new Promise((done) => { keys.listen(0, '127.0.0.1', done); });
  await register('webapi', { set: ['--jwks-uri', `http://localhost:${keys.address().port}/jwks`, '--dpop-only', '--pushed-only', '--refresh'] });

  const as = await server();
  assert.ok(as.authorization_response_iss_parameter_supported);
  const client = { client_id: 'webapi', use_mtls_endpoint_aliases: false };
  const auth = oauth.PrivateKeyJwt({ key: pair.privateKey, kid: 'k1' });
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
  const begun = await begin(as, client);
  const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, auth, begun.parameters, { DPoP }));
  const url = new URL(as.authorization_endpoint);
  url.searchParams.set('client_id', client.client_id);
  url.searchParams.set('request_uri', pushed.request_uri);
  const callback = oauth.validateAuthResponse(as, client, await approve(url), begun.state);
  const grant = () => oauth.authorizationCodeGrantRequest(as, client, auth, callback, REDIRECT, begun.verifier, { DPoP });
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, await grant(), { expectedNonce: begun.nonce, requireIdToken: true });
  const response = await oauth.userInfoRequest(as, client, tokens.access_token, { DPoP });
  const user = await oauth.processUserInfoResponse(as, client, oauth.getValidatedIdTokenClaims(tokens).sub, response);
  assert.match(user.inst_code, /^\d{7}$/);
  const refreshed = await oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token, { DPoP }));
  const told = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, refreshed.access_token));
  assert.equal(told.active, true);
  assert.equal(asked, 1, 'our keys were fetched once');
  await assert.rejects(async () => oauth.processAuthorizationCodeResponse(as, client, await grant()), (error) => error.error === 'invalid_grant');
  await assert.rejects(async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, auth, refreshed.refresh_token, { DPoP })),
    (error) => error.error === 'invalid_grant', 'the replay of the code ended the session');
  const plain = oauth.authorizationCodeGrantRequest(as, client, auth, callback, REDIRECT, begun.verifier);
  await assert.rejects(async () => oauth.processAuthorizationCodeResponse(as, client, await plain), (error) => error.error === 'invalid_dpop_proof');
  keys.close();
});

test('an answer with another issuer or state is refused by the client, and ours has both right', async () => {
  const as = await server();
  const { client_secret } = await register('mixup');
  const client = { client_id: 'mixup' };
  const begun = await begin(as, client);
  const url = new URL(as.authorization_endpoint);
  url.search = begun.parameters.toString();
  const callback = await approve(url);
  assert.equal(callback.searchParams.get('iss'), as.issuer);
  const mixed = new URL(callback);
  mixed.searchParams.set('iss', 'https://other.example');
  assert.throws(() => oauth.validateAuthResponse(as, client, mixed, begun.state));
  assert.throws(() => oauth.validateAuthResponse(as, client, callback, 'another-state'));
  const parameters = oauth.validateAuthResponse(as, client, callback, begun.state);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.ClientSecretPost(client_secret), parameters, REDIRECT, begun.verifier),
    { expectedNonce: begun.nonce, requireIdToken: true });
  assert.ok(oauth.getValidatedIdTokenClaims(tokens).sid);
});
