// npm `@openid4vc/openid4vci` receives a badge by pre-authorized code with DPoP; `@sd-jwt/sd-jwt-vc` verifies it.
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { DeviceResponse, Verifier } from '@auth0/mdl';
import { clientAuthenticationNone, setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';
import { demo, standardOffer } from './demo.mjs';

setGlobalConfig({ allowInsecureUrls: true });

// As much CBOR (RFC 8949) as a transcript and the frame of a response need.
const head = (major, n) => (n < 24 ? Buffer.from([(major << 5) | n]) : n < 256 ? Buffer.from([(major << 5) | 24, n]) : Buffer.from([(major << 5) | 25, n >> 8, n & 255]));
const cbor = {
  bytes: (data) => Buffer.concat([head(2, data.length), data]),
  text: (words) => Buffer.concat([head(3, Buffer.byteLength(words)), Buffer.from(words)]),
  array: (...items) => Buffer.concat([head(4, items.length), ...items]),
  map: (...pairs) => Buffer.concat([head(5, pairs.length), ...pairs.flatMap(([name, value]) => [cbor.text(name), value])]),
  embedded: (data) => Buffer.concat([Buffer.from([0xd8, 24]), cbor.bytes(data)]),
  nothing: Buffer.from([0xf6]),
};

const keys = new Map();

async function newSigner() {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const publicJwk = await jose.exportJWK(publicKey);
  keys.set(publicJwk.x, privateKey);
  return { method: 'jwk', alg: 'ES256', publicJwk };
}

const callbacks = {
  hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  clientAuthentication: clientAuthenticationNone({ clientId: 'interop-wallet' }),
  signJwt: async (signer, { header, payload }) => ({
    jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(keys.get(signer.publicJwk.x)),
    signerJwk: signer.publicJwk,
  }),
  verifyJwt: async (signer, { compact }) => {
    const jwk = signer.publicJwk;
    if (!jwk) return { verified: false };
    try {
      await jose.compactVerify(compact, await jose.importJWK(jwk, signer.alg));
      return { verified: true, signerJwk: jwk };
    } catch {
      return { verified: false };
    }
  },
  decryptJwe: async () => ({ decrypted: false }),
  encryptJwe: async () => { throw new Error('not asked for'); },
};

const client = new Openid4vciClient({ callbacks });

async function receive({ copies, format = 'dc+sd-jwt' }) {
  const { offer, code } = await standardOffer();
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await newSigner() },
  });
  assert.equal(token.accessTokenResponse.token_type, 'DPoP');
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const known = issuerMetadata.credentialIssuer.credential_configurations_supported;
  const configuration = credentialOffer.credential_configuration_ids.find((id) => known[id].format === format);
  const signers = await Promise.all(Array.from({ length: copies }, newSigner));
  const jwt = await Promise.all(signers.map(async (signer) =>
    (await client.createCredentialRequestJwtProof({ issuerMetadata, credentialConfigurationId: configuration, signer, nonce, issuedAt: new Date() })).jwt));
  const request = {
    issuerMetadata, accessToken: token.accessTokenResponse.access_token, credentialConfigurationId: configuration, dpop: token.dpop, proofs: { jwt },
  };
  const response = await client.retrieveCredentials(request);
  return { signers, request, response, credentials: response.credentialResponse.credentials.map((entry) => entry.credential) };
}

async function verify(compact) {
  const instance = new SDJwtVcInstance({
    hasher: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
    hashAlg: 'sha-256',
    verifier: async (data, signature) => {
      const [header] = data.split('.');
      const { x5c } = JSON.parse(Buffer.from(header, 'base64url'));
      const leaf = new X509Certificate(Buffer.from(x5c[0], 'base64'));
      const root = new X509Certificate(await (await fetch(new URL('/root.pem', demo.urls.public))).text());
      assert.ok(leaf.verify(root.publicKey), 'the issuer certificate is signed by the platform root');
      const key = await crypto.subtle.importKey('spki', leaf.publicKey.export({ type: 'spki', format: 'der' }), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
      return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), new TextEncoder().encode(data));
    },
    statusListFetcher: async (uri) => (await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } })).text(),
    statusVerifier: async (data, signature) => {
      const { x5c } = JSON.parse(Buffer.from(data.split('.')[0], 'base64url'));
      const leaf = new X509Certificate(Buffer.from(x5c[0], 'base64'));
      const key = await crypto.subtle.importKey('spki', leaf.publicKey.export({ type: 'spki', format: 'der' }), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
      return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), new TextEncoder().encode(data));
    },
  });
  return { payload: (await instance.verify(compact)).payload, claims: await instance.getClaims(compact) };
}

test('a standard wallet receives a batch of badges and each verifies', async () => {
  const { credentials, signers } = await receive({ copies: 3 });
  assert.equal(credentials.length, 3);
  const indexes = new Set();
  for (const [at, credential] of credentials.entries()) {
    const { payload, claims } = await verify(credential);
    assert.equal(payload.cnf.jwk.x, signers[at].publicJwk.x, 'each copy is bound to its own key');
    assert.ok(payload.vct.startsWith('http'));
    assert.match(claims.inst_code, /^\d{7}$/);
    indexes.add(payload.status.status_list.idx);
  }
  assert.equal(indexes.size, 3, 'each copy has its own status index');
  console.log(`received ${credentials.length} copies, status indexes all different`);
});

const BADGE_DOCUMENT = 'io.mapae.badge.1';

/** A document of ours on the stock library's phone: the elements named are told, bound to one request. */
function present({ credential, key, elements, transcript }) {
  const document = cbor.map(['docType', cbor.text(BADGE_DOCUMENT)], ['issuerSigned', Buffer.from(credential, 'base64url')]);
  const held = cbor.map(['version', cbor.text('1.0')], ['documents', cbor.array(document)], ['status', head(0, 0)]);
  return DeviceResponse.from(held)
    .usingPresentationDefinition({
      id: 'badge',
      input_descriptors: [{
        id: BADGE_DOCUMENT,
        format: { mso_mdoc: { alg: ['ES256'] } },
        constraints: {
          limit_disclosure: 'required',
          fields: elements.map((name) => ({ path: [`$['${BADGE_DOCUMENT}']['${name}']`], intent_to_retain: false })),
        },
      }],
    })
    .usingSessionTranscriptBytes(transcript)
    .authenticateWithSignature(key, 'ES256')
    .sign();
}

/** OpenID4VP 1.0 §B.2.6.1, as `SessionTranscriptBytes`. */
async function handover({ clientId, nonce, jwk, responseUri }) {
  const thumbprint = Buffer.from(await jose.calculateJwkThumbprint(jwk, 'sha256'), 'base64url');
  const info = cbor.array(cbor.text(clientId), cbor.text(nonce), cbor.bytes(thumbprint), cbor.text(responseUri));
  const hash = createHash('sha256').update(info).digest();
  return cbor.embedded(cbor.array(cbor.nothing, cbor.nothing, cbor.array(cbor.text('OpenID4VPHandover'), cbor.bytes(hash))));
}

async function askedFor(elements) {
  const query = { credentials: [{ id: 'doc', format: 'mso_mdoc', meta: { doctype_value: BADGE_DOCUMENT }, claims: elements.map((name) => ({ path: [BADGE_DOCUMENT, name] })) }] };
  const headers = { authorization: `Bearer ${demo.relying_party.api_key}`, 'content-type': 'application/json' };
  const at = new URL('/api/v1/verifications', demo.urls.public);
  const made = await (await fetch(at, { method: 'POST', headers, body: JSON.stringify({ dcql_query: query }) })).json();
  const request = jose.decodeJwt(await (await fetch(made.request_uri, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: '' })).text());
  return { request, result: async () => (await fetch(`${at}/${made.id}`, { headers })).json() };
}

test('a stock wallet receives the badge as a mobile document and shows it to our verifier with a stock library', async () => {
  const { credentials, signers } = await receive({ copies: 2, format: 'mso_mdoc' });
  assert.equal(credentials.length, 2);
  const { request, result } = await askedFor(['name', 'inst_code']);
  const [jwk] = request.client_metadata.jwks.keys;
  const transcript = await handover({ clientId: request.client_id, nonce: request.nonce, jwk, responseUri: request.response_uri });
  const privateJwk = { ...(await jose.exportJWK(keys.get(signers[0].publicJwk.x))), kid: 'device' };
  const shown = await present({ credential: credentials[0], key: privateJwk, elements: ['name', 'inst_code'], transcript });

  // What a stock verifier says of it: chain to the platform root, signature, digests, dates, device signature.
  const faults = [];
  const root = await (await fetch(new URL('/root.pem', demo.urls.public))).text();
  await new Verifier([root]).verify(shown.encode(), {
    encodedSessionTranscript: transcript,
    onCheck: (check) => { if (check.status === 'FAILED') faults.push(`${check.id}: ${check.reason ?? ''}`); },
  });
  assert.deepEqual(faults, []);

  const answer = async (response) => {
    const token = { vp_token: { doc: [Buffer.from(response).toString('base64url')] }, state: request.state };
    const encrypted = await new jose.EncryptJWT(token)
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM', kid: jwk.kid })
      .encrypt(await jose.importJWK(jwk, 'ECDH-ES'));
    return fetch(request.response_uri, { method: 'POST', body: new URLSearchParams({ response: encrypted }) });
  };
  // A byte of the name changed: refused, and the request still waits for the true one.
  const forged = Buffer.from(shown.encode());
  forged[forged.indexOf('예시')] ^= 1;
  const refused = await answer(forged);
  assert.equal(refused.status, 400, await refused.text());
  // Bound to another request: refused as well.
  const elsewhere = await handover({ clientId: request.client_id, nonce: 'another', jwk, responseUri: request.response_uri });
  const foreign = await present({ credential: credentials[0], key: privateJwk, elements: ['name', 'inst_code'], transcript: elsewhere });
  assert.equal((await answer(foreign.encode())).status, 400);
  assert.equal((await result()).state, 'pending');

  const taken = await answer(shown.encode());
  assert.equal(taken.status, 200, await taken.clone().text());
  const verified = await result();
  assert.equal(verified.state, 'verified');
  assert.equal(verified.type, BADGE_DOCUMENT);
  assert.deepEqual(Object.keys(verified.claims[BADGE_DOCUMENT]).sort(), ['inst_code', 'name']);
  assert.deepEqual(verified.waived, []);
  console.log('a mobile document of ours went through @auth0/mdl to our verifier; two forgeries were refused');
});

test('a nonce works once', async () => {
  const { request } = await receive({ copies: 1 });
  await assert.rejects(client.retrieveCredentials(request), (error) => /invalid_nonce|invalid_token/.test(JSON.stringify(error.response?.credentialErrorResponseResult ?? error) + error.message));
});

test('a wrong transaction code is refused, and an offer works once', async () => {
  const { offer, code } = await standardOffer();
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const dpop = { signer: await newSigner() };
  const wrong = code === '00000000' ? '00000001' : '00000000';
  const refused = (error) => error.errorResponse?.error === 'invalid_grant';
  await assert.rejects(client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: wrong, dpop }), refused);
  await client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: code, dpop });
  await assert.rejects(client.retrievePreAuthorizedCodeAccessTokenFromOffer({ credentialOffer, issuerMetadata, txCode: code, dpop }), refused);
});

test('a key that is not the access token’s cannot use it', async () => {
  const { request } = await receive({ copies: 1 });
  await assert.rejects(client.retrieveCredentials({ ...request, dpop: { ...request.dpop, signer: await newSigner() } }));
});
