// npm `@openid4vc/openid4vci` and `@openid4vc/oauth2` as a wallet of another maker: pre-authorized and authorization
// code, PAR, DPoP, wallet and key attestation, batch, deferred, notification, refresh; encryption and signed metadata
// with `jose`. The whole way right first; then what is wrong, each refused for its own reason. The terminal wallet takes
// the same way through a browser.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  clientAuthenticationClientAttestationJwt, clientAuthenticationNone, createClientAttestationJwt, Oauth2Client, resourceRequest, setGlobalConfig,
} from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import * as jose from 'jose';
import { Browser, demo } from '../demo.mjs';

setGlobalConfig({ allowInsecureUrls: true });
const run = promisify(execFile);
const base = demo.urls.public;
const REDIRECT = 'https://wallet.example/cb';
const CLIENT = 'https://wallet.example';

// ---- Keys and callbacks ----

const keys = new Map();

async function newSigner() {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const publicJwk = await jose.exportJWK(publicKey);
  keys.set(publicJwk.x, privateKey);
  return { method: 'jwk', alg: 'ES256', publicJwk };
}

/** The wallet provider that the server's operator listed: a leaf under its own root. */
const provider = {
  key: createPrivateKey(readFileSync(join(process.env.WALLET_PROVIDER, 'leaf.key'))),
  x5c: [new X509Certificate(readFileSync(join(process.env.WALLET_PROVIDER, 'leaf.pem'))).raw.toString('base64')],
};
const providerSigner = { method: 'x5c', alg: 'ES256', x5c: provider.x5c };

const signJwt = async (signer, { header, payload }) => {
  const key = signer.method === 'x5c' ? provider.key : keys.get(signer.publicJwk.x);
  return { jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(key), signerJwk: signer.publicJwk };
};

const callbacks = (clientAuthentication) => ({
  hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  clientAuthentication,
  signJwt,
  verifyJwt: async () => ({ verified: false }),
  decryptJwe: async () => ({ decrypted: false }),
  encryptJwe: async () => { throw new Error('not asked for'); },
});

/** A wallet that its provider vouches for; `change` alters what it says. */
async function attestation({ instance, change = {}, signer = providerSigner }) {
  return createClientAttestationJwt({
    callbacks: { signJwt }, signer, issuer: CLIENT, clientId: CLIENT, issuedAt: new Date(), expiresAt: new Date(Date.now() + 600_000),
    confirmation: { jwk: instance.publicJwk }, additionalPayload: { wallet_name: '예시 지갑', ...change },
  });
}

async function attested() {
  const instance = await newSigner();
  const clientAttestationJwt = await attestation({ instance });
  const authentication = clientAuthenticationClientAttestationJwt({ callbacks: callbacks(), clientAttestationJwt });
  return { instance, clientAttestationJwt, callbacks: callbacks(authentication) };
}

const named = callbacks(clientAuthenticationNone({ clientId: CLIENT }));
const stock = new Openid4vciClient({ callbacks: named });

// ---- The portal and the desks ----

let used = 0;
function nextApplicant() {
  const applicant = demo.standard_wallets[used];
  used += 1;
  assert.ok(applicant, 'the demo prepared too few applicants for this judge');
  return applicant;
}

async function api(at, path, { token, method = 'POST', body } = {}) {
  const response = await fetch(new URL(path, at), {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

const portal = async ({ login, password }) => (await api(base, '/api/v1/portal/session', { body: { login, password } })).token;

async function codeOffer(applicant) {
  const token = await portal(applicant);
  const offer = await api(base, '/api/v1/portal/wallet-offer', { token });
  return { link: offer.link, code: offer.tx_code };
}

async function signInOffer(applicant) {
  return (await api(base, '/api/v1/portal/wallet-sign-in-offer', { token: await portal(applicant) })).link;
}

const hidden = (html, name) => {
  const found = new RegExp(`name="${name}" value="([^"]*)"`).exec(html);
  assert.ok(found, `the page has no ${name}: ${html}`);
  return found[1];
};
const posted = (fields) => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() });

/** The holder's browser: over the portal's door to the consent page, and back to the wallet. */
async function consent(url, { login, password }, verdict = 'agree') {
  const browser = new Browser();
  const away = await browser.get(url);
  assert.equal(away.status, 303, await away.clone().text());
  const door = new URL(away.headers.get('location'), base);
  const csrf = hidden(await (await browser.get(door)).text(), 'csrf');
  const entered = await browser.get(door, posted({ login, password, csrf }));
  assert.equal(entered.status, 303, await entered.clone().text());
  const page = await browser.get(new URL(entered.headers.get('location'), base));
  const html = await page.text();
  assert.equal(page.status, 200, html);
  const answered = await browser.get(new URL('/issuance/authorize', base), posted({ csrf: hidden(html, 'csrf'), ticket: hidden(html, 'ticket'), verdict }));
  assert.equal(answered.status, 303, await answered.clone().text());
  return { location: answered.headers.get('location'), html };
}

/** The three approvals of an application, by three people at the console. */
async function approve(application) {
  for (const [login, step] of [['yesi.bujang', 'head_approval'], ['yesi.insa', 'identity_check'], ['yesi.insa2', 'issue_approval']]) {
    const { password } = demo.accounts.find((account) => account.login === login);
    const { token } = await api(demo.urls.console, '/api/v1/console/session', { body: { login, password } });
    const { record_seen } = await api(demo.urls.console, `/api/v1/console/applications/${application}`, { token, method: 'GET' });
    await api(demo.urls.console, `/api/v1/console/applications/${application}/decisions`, { token, body: { step, verdict: 'approve', record_seen } });
  }
}

// ---- The wallet ----

const scopeOf = (issuerMetadata, id) => issuerMetadata.credentialIssuer.credential_configurations_supported[id].scope;

/** The whole authorization code flow of a wallet that its provider vouches for, up to its access token. */
async function authorize(applicant) {
  const wallet = await attested();
  const client = new Openid4vciClient({ callbacks: wallet.callbacks });
  const credentialOffer = await client.resolveCredentialOffer(await signInOffer(applicant));
  assert.ok(credentialOffer.grants.authorization_code.issuer_state, 'the offer carries issuer_state');
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const dpop = { signer: await newSigner() };
  const begun = await client.initiateAuthorization({
    clientId: CLIENT, credentialOffer, issuerMetadata, redirectUri: REDIRECT, scope: scopeOf(issuerMetadata, 'badge'),
    dpop,
  });
  assert.match(begun.authorizationRequestUrl, /request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri/);
  const { location, html } = await consent(begun.authorizationRequestUrl, applicant);
  assert.ok(html.includes('예시 지갑'), 'the consent page names the wallet as its provider does');
  const answer = client.parseAndVerifyAuthorizationResponseRedirectUrl({ url: location, authorizationServerMetadata: issuerMetadata.authorizationServers[0] });
  assert.deepEqual([answer.iss, answer.state], [base, undefined], 'the library sends no state, and gets none');
  const redeem = () => client.retrieveAuthorizationCodeAccessTokenFromOffer({
    issuerMetadata, credentialOffer, authorizationCode: answer.code, pkceCodeVerifier: begun.pkce.codeVerifier, redirectUri: REDIRECT, dpop: begun.dpop,
  });
  const token = await redeem();
  return { client, wallet, issuerMetadata, credentialOffer, token, redeem, accessToken: token.accessTokenResponse.access_token, dpop: token.dpop };
}

async function proofs({ client, issuerMetadata, copies, clientId, configuration = 'badge' }) {
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const signers = await Promise.all(Array.from({ length: copies }, newSigner));
  const jwt = await Promise.all(signers.map(async (signer) =>
    (await client.createCredentialRequestJwtProof({ issuerMetadata, credentialConfigurationId: configuration, signer, nonce, clientId, issuedAt: new Date() })).jwt));
  return { signers, jwt, nonce };
}

async function retrieve(session, copies) {
  const { signers, jwt } = await proofs({ ...session, copies, clientId: session.clientId });
  const answer = await session.client.retrieveCredentials({ ...session, credentialConfigurationId: 'badge', proofs: { jwt } });
  return { signers, answer };
}

const payload = (compact) => jose.decodeJwt(compact.split('~')[0]);

/** POSTs to a protected endpoint with the stock library's DPoP proofs; a nonce that the server wants is taken up. */
async function resource(session, path, contentType, body) {
  const ask = (dpop) => resourceRequest({
    callbacks: named, url: `${base}${path}`, accessToken: session.accessToken, dpop,
    requestOptions: { method: 'POST', headers: { 'content-type': contentType }, body },
  });
  const first = await ask(session.dpop);
  return first.ok || !first.dpop?.nonce || first.response.status !== 401 ? first : ask({ ...session.dpop, nonce: first.dpop.nonce });
}

// ---- Right ----

test('the authorization code: offer, attestation, PAR, sign-in, consent, iss, PKCE, DPoP, batch, notification, refresh', async () => {
  const session = await authorize(nextApplicant());
  assert.equal(session.token.accessTokenResponse.token_type, 'DPoP');
  const { signers, answer } = await retrieve({ ...session, clientId: CLIENT }, 4);
  const copies = answer.credentialResponse.credentials.map((entry) => entry.credential);
  assert.equal(copies.length, 4);
  copies.forEach((copy, at) => assert.equal(payload(copy).cnf.jwk.x, signers[at].publicJwk.x));
  for (const times of [1, 2]) {
    const told = await session.client.sendNotification({
      ...session, notification: { notificationId: answer.credentialResponse.notification_id, event: 'credential_accepted' },
    });
    assert.equal(told.response.status, 204, `told ${times} times`);
  }
  const oauth = new Oauth2Client({ callbacks: session.wallet.callbacks });
  const refreshed = await oauth.retrieveRefreshTokenAccessToken({
    authorizationServerMetadata: session.issuerMetadata.authorizationServers[0], refreshToken: session.token.accessTokenResponse.refresh_token, dpop: session.dpop,
  });
  const again = await retrieve({ ...session, accessToken: refreshed.accessTokenResponse.access_token, dpop: refreshed.dpop, clientId: CLIENT }, 2);
  const more = again.answer.credentialResponse.credentials.map((entry) => entry.credential);
  const places = new Set([...copies, ...more].map((copy) => JSON.stringify(payload(copy).status)));
  assert.equal(places.size, 6, 'no status index twice');
  console.log('an attested wallet received 4 copies by authorization code and 2 by its refresh token');
});

test('the pre-authorized code with key attestation: one attestation over a batch', async () => {
  const { link, code } = await codeOffer(nextApplicant());
  const credentialOffer = await stock.resolveCredentialOffer(link);
  const issuerMetadata = await stock.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await stock.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await newSigner() } });
  const { c_nonce: nonce } = await stock.requestNonce({ issuerMetadata });
  const signers = await Promise.all(Array.from({ length: 5 }, newSigner));
  const now = Math.floor(Date.now() / 1000);
  const vouch = (key, change = {}) => new jose.SignJWT({ iat: now, exp: now + 300, nonce, attested_keys: signers.map((signer) => signer.publicJwk), key_storage: ['iso_18045_high'], ...change })
    .setProtectedHeader({ alg: 'ES256', typ: 'key-attestation+jwt', x5c: provider.x5c }).sign(key);
  const session = { client: stock, issuerMetadata, accessToken: token.accessTokenResponse.access_token, dpop: token.dpop };
  const ask = async (attestation) => session.client.retrieveCredentials({ ...session, credentialConfigurationId: 'badge', proofs: { attestation: [attestation] } });
  // Signed by another key than the certificate's: refused, and the token still works.
  const forged = await vouch((await jose.generateKeyPair('ES256')).privateKey);
  await assert.rejects(ask(forged), (error) => codeOf(error) === 'invalid_proof');
  await assert.rejects(ask(await vouch(provider.key, { exp: now - 1 })), (error) => codeOf(error) === 'invalid_proof');
  const answer = await ask(await vouch(provider.key));
  assert.equal(answer.credentialResponse.credentials.length, 5);
  console.log('a foreign wallet provider vouched for 5 keys at once; two bad attestations were refused');
});

const codeOf = (error) => error.response?.credentialErrorResponseResult?.data?.error ?? error.errorResponse?.error ?? error.message;

test('deferred: signed in while the application waits, issued once three people approved', async () => {
  const applicant = nextApplicant();
  const token = await portal(applicant);
  const [{ id: first }] = (await api(base, '/api/v1/portal/applications', { token, method: 'GET' })).applications;
  await api(base, `/api/v1/portal/applications/${first}/withdrawal`, { token });
  const { id } = await api(base, '/api/v1/portal/applications', { token, body: { kind: 'first', note: '예시 신청' } });

  const session = await authorize(applicant);
  const { signers, answer } = await retrieve({ ...session, clientId: CLIENT }, 3);
  const { transaction_id: transactionId, interval } = answer.credentialResponse;
  assert.ok(transactionId && interval > 0 && answer.response.status === 202);
  const waits = await session.client.retrieveDeferredCredentials({ ...session, transactionId });
  assert.deepEqual([waits.response.status, waits.deferredCredentialResponse.transaction_id], [202, transactionId]);
  await approve(id);
  // Asked by hand: version 0.4.6 of the library refuses a `notification_id` beside the credentials (§9.2 allows it).
  const issued = await resource(session, '/issuance/deferred-credential', 'application/json', JSON.stringify({ transaction_id: transactionId }));
  assert.equal(issued.response.status, 200, await issued.response.clone().text());
  const { credentials } = await issued.response.json();
  assert.deepEqual(credentials.map(({ credential }) => payload(credential).cnf.jwk.x), signers.map((signer) => signer.publicJwk.x));
  const again = await resource(session, '/issuance/deferred-credential', 'application/json', JSON.stringify({ transaction_id: transactionId }));
  assert.deepEqual([again.response.status, (await again.response.json()).error], [400, 'invalid_transaction_id']);
  console.log('a batch waited for three approvals and then came for the keys that were proved before');
});

test('an encrypted request is answered by an encrypted response, made and read with jose', async () => {
  const session = await authorize(nextApplicant());
  const { credential_request_encryption: support } = session.issuerMetadata.credentialIssuer;
  const [issuerJwk] = support.jwks.keys;
  const { publicKey, privateKey } = await jose.generateKeyPair('ECDH-ES', { crv: 'P-256' });
  const mine = { ...(await jose.exportJWK(publicKey)), alg: 'ECDH-ES', use: 'enc', kid: 'mine' };
  const { jwt } = await proofs({ ...session, copies: 2, clientId: CLIENT });
  const request = { credential_configuration_id: 'badge', proofs: { jwt }, credential_response_encryption: { jwk: mine, enc: 'A256GCM' } };
  const sealed = (header) => new jose.EncryptJWT(request).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM', kid: issuerJwk.kid, ...header });
  const issuerKey = await jose.importJWK(issuerJwk, 'ECDH-ES');

  const plain = await resource(session, '/issuance/credential', 'application/json', JSON.stringify(request));
  assert.deepEqual([plain.response.status, (await plain.response.json()).error], [400, 'invalid_encryption_parameters'], 'a key that others could replace');
  const cbc = await sealed({ enc: 'A128CBC-HS256' }).encrypt(issuerKey);
  const refused = await resource(session, '/issuance/credential', 'application/jwt', cbc);
  assert.deepEqual([refused.response.status, (await refused.response.json()).error], [400, 'invalid_encryption_parameters']);

  const answer = await resource(session, '/issuance/credential', 'application/jwt', await sealed({}).encrypt(issuerKey));
  assert.equal(answer.response.status, 200, await answer.response.clone().text());
  assert.equal(answer.response.headers.get('content-type'), 'application/jwt');
  const { payload: opened, protectedHeader } = await jose.jwtDecrypt(await answer.response.text(), privateKey);
  assert.deepEqual([protectedHeader.alg, protectedHeader.enc, protectedHeader.kid], ['ECDH-ES', 'A256GCM', 'mine']);
  assert.equal(opened.credentials.length, 2);
  console.log('jose read an encrypted response of two copies; two wrong ways to ask were refused');
});

test('signed metadata verifies up to the platform root and says what the plain form says', async () => {
  const at = new URL('/.well-known/openid-credential-issuer', base);
  const signed = await fetch(at, { headers: { accept: 'application/jwt' } });
  assert.equal(signed.headers.get('content-type'), 'application/jwt');
  const compact = await signed.text();
  const header = jose.decodeProtectedHeader(compact);
  assert.equal(header.typ, 'openidvci-issuer-metadata+jwt');
  const leaf = new X509Certificate(Buffer.from(header.x5c[0], 'base64'));
  const root = new X509Certificate(await (await fetch(new URL('/root.pem', base))).text());
  assert.ok(leaf.verify(root.publicKey) && leaf.issuer !== leaf.subject && header.x5c.length === 1);
  const { payload: said } = await jose.jwtVerify(compact, leaf.publicKey, { subject: base });
  const plain = await (await fetch(at)).json();
  for (const [name, value] of Object.entries(plain)) assert.deepEqual(said[name], value, name);
});

test('the terminal wallet takes the same way through a browser', async () => {
  const applicant = nextApplicant();
  const vault = join(mkdtempSync(join(tmpdir(), 'mapae-wallet-')), 'vault');
  const wallet = async (...args) => JSON.parse((await run(process.env.MAPAE, ['wallet', '--vault', vault, '--json', ...args])).stdout);
  await wallet('init');
  const root = join(vault, '..', 'root.pem');
  writeFileSync(root, await (await fetch(new URL('/root.pem', base))).text());
  await wallet('trust', root);
  const child = spawn(process.env.MAPAE, ['wallet', '--vault', vault, '--json', 'receive', await signInOffer(applicant), '--copies', '2']);
  const [out, err] = ['', ''].map((text, at) => { const kept = { text }; child[at ? 'stderr' : 'stdout'].on('data', (data) => { kept.text += data; }); return kept; });
  const url = await new Promise((found, failed) => {
    child.on('exit', () => failed(new Error(out.text + err.text)));
    child.stderr.on('data', () => { const line = err.text.split('\n').find((text) => text.startsWith('http')); if (line && err.text.endsWith('\n')) found(line.trim()); });
  });
  const { location } = await consent(url, applicant);
  assert.match(location, /^http:\/\/127\.0\.0\.1:\d+\/signed-in\?code=/);
  const exit = new Promise((done) => { child.removeAllListeners('exit'); child.on('exit', done); });
  assert.equal((await fetch(location)).status, 200);
  assert.equal(await exit, 0, out.text + err.text);
  const received = JSON.parse(out.text);
  assert.ok(received.ok && received.copies >= 2, out.text);
  console.log(`the terminal wallet received ${received.copies} copies over a browser's sign-in`);
});

// ---- Wrong, each for its own reason ----

const push = async (change = {}, headers = {}) => {
  const verifier = jose.base64url.encode(randomBytes(32));
  const fields = {
    response_type: 'code', client_id: CLIENT, redirect_uri: REDIRECT, scope: 'badge', state: 's',
    code_challenge: jose.base64url.encode(createHash('sha256').update(verifier).digest()), code_challenge_method: 'S256', ...change,
  };
  const body = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
  const response = await fetch(new URL('/issuance/par', base), { method: 'POST', body, headers });
  return { status: response.status, ...(await response.json()), verifier };
};

test('a pushed request with one thing wrong is refused for that', async () => {
  assert.equal((await push()).status, 201, 'right first');
  const detail = JSON.stringify([{ type: 'openid_credential', credential_configuration_id: 'passport' }]);
  for (const [change, error] of [
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ redirect_uri: 'http://wallet.example/cb' }, 'invalid_request'],
    [{ scope: 'openid' }, 'invalid_scope'],
    [{ authorization_details: detail }, 'invalid_authorization_details'],
    [{ resource: 'https://other.example' }, 'invalid_target'],
    [{ request: 'e30.e30.' }, 'request_not_supported'],
    [{ request_uri: 'urn:x' }, 'invalid_request'],
    [{ issuer_state: 'made up' }, 'invalid_request'],
  ]) {
    const refused = await push(change);
    assert.deepEqual([refused.status, refused.error], [400, error], JSON.stringify(change));
  }
});

test('a wallet attestation with one thing wrong is refused for that', async () => {
  const instance = await newSigner();
  const authentication = (clientAttestationJwt, signed = callbacks()) => async () => {
    const headers = new Headers();
    const authorizationServerMetadata = { issuer: base };
    await clientAuthenticationClientAttestationJwt({ callbacks: signed, clientAttestationJwt })({ headers, authorizationServerMetadata });
    return Object.fromEntries(headers);
  };
  const good = await attestation({ instance });
  assert.equal((await push({}, await authentication(good)())).status, 201, 'right first');
  const other = await jose.generateKeyPair('ES256');
  const now = Math.floor(Date.now() / 1000);
  const byHand = (claims, key = provider.key, header = {}) => new jose.SignJWT({ sub: CLIENT, iat: now, exp: now + 600, cnf: { jwk: instance.publicJwk }, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'oauth-client-attestation+jwt', x5c: provider.x5c, ...header }).sign(key);
  const pop = (claims = {}, key = keys.get(instance.publicJwk.x)) => new jose.SignJWT({ iss: CLIENT, aud: base, iat: now, jti: jose.base64url.encode(randomBytes(16)), ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'oauth-client-attestation-pop+jwt' }).sign(key);
  const used = await pop();
  const headers = (attested, possession) => ({ ...(attested ? { 'oauth-client-attestation': attested } : {}), ...(possession ? { 'oauth-client-attestation-pop': possession } : {}) });
  assert.equal((await push({}, headers(good, used))).status, 201, 'by hand, right');
  for (const [what, sent, words] of [
    ['signature', headers(await byHand({}, other.privateKey), await pop()), /signature is wrong/],
    ['expired', headers(await byHand({ exp: now - 5 }), await pop()), /expired/],
    ['without sub', headers(await byHand({ sub: undefined }), await pop()), /no sub/],
    ['another client', headers(await byHand({ sub: 'https://other.example' }), await pop()), /another client_id/],
    ['self-made provider', headers(await byHand({}, other.privateKey, { x5c: undefined }), await pop()), /not trusted/],
    ['no possession', headers(good), /proof of possession is missing/],
    ['another audience', headers(good, await pop({ aud: 'https://other.example' })), /another audience/],
    ['a foreign key', headers(good, await pop({}, other.privateKey)), /by another key/],
    ['old', headers(good, await pop({ iat: now - 3600 })), /too old/],
    ['replayed', headers(good, used), /used before/],
  ]) {
    const refused = await push({}, sent);
    assert.deepEqual([refused.status, refused.error], [401, 'invalid_client_attestation'], what);
    assert.match(refused.error_description, words, what);
  }
});

test('a code and a token with one thing wrong are refused for that', async () => {
  const applicant = nextApplicant();
  const session = await authorize(applicant);
  // The code again: refused, and what it led to is over.
  const { jwt } = await proofs({ ...session, copies: 1, clientId: CLIENT });
  await assert.rejects(session.redeem(), (error) => codeOf(error) === 'invalid_grant');
  await assert.rejects(
    session.client.retrieveCredentials({ ...session, credentialConfigurationId: 'badge', proofs: { jwt } }),
    (error) => codeOf(error) === 'credential_request_denied',
  );
  const denied = await push();
  const { location } = await consent(`${base}/issuance/authorize?${new URLSearchParams({ client_id: CLIENT, request_uri: denied.request_uri })}`, applicant, 'deny');
  const answer = new URL(location);
  assert.deepEqual([answer.searchParams.get('error'), answer.searchParams.get('iss'), answer.searchParams.get('state')], ['access_denied', base, 's']);
  const browser = new Browser();
  const again = await browser.get(`${base}/issuance/authorize?${new URLSearchParams({ client_id: 'another', request_uri: denied.request_uri })}`);
  assert.equal(again.status, 400, 'of another client');
  const plain = await browser.get(`${base}/issuance/authorize?response_type=code&client_id=x&redirect_uri=https%3A%2F%2Fevil.example&scope=badge`);
  assert.deepEqual([plain.status, plain.headers.get('location')], [400, null], 'not pushed: no redirect');
});

test('a credential request with one thing wrong is refused for that', async () => {
  const { link, code } = await codeOffer(nextApplicant());
  const credentialOffer = await stock.resolveCredentialOffer(link);
  const issuerMetadata = await stock.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await stock.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await newSigner() } });
  const session = { client: stock, issuerMetadata, accessToken: token.accessTokenResponse.access_token, dpop: token.dpop };
  const { jwt, signers, nonce } = await proofs({ ...session, copies: 1 });
  const prove = (claims, header = {}, key = keys.get(signers[0].publicJwk.x)) => new jose.SignJWT({ aud: base, iat: Math.floor(Date.now() / 1000), nonce, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'openid4vci-proof+jwt', jwk: signers[0].publicJwk, ...header }).sign(key);
  const other = await jose.generateKeyPair('ES256');
  const badge = { credential_configuration_id: 'badge' };
  for (const [what, body, error] of [
    ['no proof', badge, 'invalid_proof'],
    ['a foreign signature', { ...badge, proofs: { jwt: [await prove({}, {}, other.privateKey)] } }, 'invalid_proof'],
    ['another audience', { ...badge, proofs: { jwt: [await prove({ aud: 'https://other.example' })] } }, 'invalid_proof'],
    ['another typ', { ...badge, proofs: { jwt: [await prove({}, { typ: 'JWT' })] } }, 'invalid_proof'],
    ['no nonce', { ...badge, proofs: { jwt: [await prove({ nonce: undefined })] } }, 'invalid_proof'],
    ['a made-up nonce', { ...badge, proofs: { jwt: [await prove({ nonce: 'AAAA' })] } }, 'invalid_nonce'],
    ['an unknown configuration', { credential_configuration_id: 'passport', proofs: { jwt } }, 'unknown_credential_configuration'],
    ['an unknown identifier', { credential_identifier: 'passport', proofs: { jwt } }, 'unknown_credential_identifier'],
    ['both names', { ...badge, credential_identifier: 'badge', proofs: { jwt } }, 'invalid_credential_request'],
    ['more keys than the batch size', { ...badge, proofs: { jwt: Array(21).fill(jwt[0]) } }, 'invalid_credential_request'],
  ]) {
    const refused = await resource(session, '/issuance/credential', 'application/json', JSON.stringify(body));
    assert.deepEqual([refused.response.status, (await refused.response.json()).error], [400, error], what);
  }
  const inQuery = await fetch(`${base}/issuance/credential?access_token=${encodeURIComponent(session.accessToken)}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  assert.equal(inQuery.status, 401, 'an access token in the query (FAPI 2.0 §5.3.4)');
  const stolen = await resource({ ...session, dpop: { ...session.dpop, signer: await newSigner() } }, '/issuance/credential', 'application/json', '{}');
  assert.equal(stolen.response.status, 401, 'another DPoP key');
  const notified = await resource(session, '/issuance/notification', 'application/json', JSON.stringify({ notification_id: 'made up', event: 'credential_accepted' }));
  assert.deepEqual([notified.response.status, (await notified.response.json()).error], [400, 'invalid_notification_id']);
  const deferred = await resource(session, '/issuance/deferred-credential', 'application/json', JSON.stringify({ transaction_id: 'made up' }));
  assert.deepEqual([deferred.response.status, (await deferred.response.json()).error], [400, 'invalid_transaction_id']);
  // Nothing of that used the token up.
  const right = await resource(session, '/issuance/credential', 'application/json', JSON.stringify({ ...badge, proofs: { jwt } }));
  assert.equal(right.response.status, 200, await right.response.clone().text());
});
