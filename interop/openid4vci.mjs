// npm `@openid4vc/openid4vci` receives a badge by pre-authorized code with DPoP; `@sd-jwt/sd-jwt-vc` verifies it.
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { clientAuthenticationNone, setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import * as jose from 'jose';
import { demo, standardOffer } from './demo.mjs';

setGlobalConfig({ allowInsecureUrls: true });

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

async function receive({ copies }) {
  const { offer, code } = await standardOffer();
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await newSigner() },
  });
  assert.equal(token.accessTokenResponse.token_type, 'DPoP');
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const [configuration] = credentialOffer.credential_configuration_ids;
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
