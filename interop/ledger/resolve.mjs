// npm `did-resolver` with a plain HTTP driver, and `web-did-resolver`, resolve our agency; the P-256 key that they return verifies a badge
// that npm `@openid4vc/openid4vci` received.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { clientAuthenticationNone, setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { Resolver } from 'did-resolver';
import * as jose from 'jose';
import { getResolver as web } from 'web-did-resolver';

const { demo, standardOffer } = await import(pathToFileURL(join(process.env.SHARED, 'demo.mjs')));
setGlobalConfig({ allowInsecureUrls: true });

const origin = demo.urls.public;
const did = 'did:mapae:demo:9900000';

/** A driver as plain as can be: the answer of our endpoint is the answer. */
const driver = {
  mapae: async (name, parsed) => {
    const query = parsed.query ? `?${parsed.query}` : '';
    return (await fetch(`${origin}/1.0/identifiers/${encodeURIComponent(name)}${query}`)).json();
  },
};
const resolver = new Resolver({ ...driver, ...web() });

const key = async (document) => {
  const method = document.verificationMethod.find(({ id }) => document.assertionMethod.includes(id));
  assert.equal(method.type, 'JsonWebKey');
  return jose.importJWK(method.publicKeyJwk, 'ES256');
};

async function badge() {
  const keys = new Map();
  const signer = async () => {
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
    const publicJwk = await jose.exportJWK(publicKey);
    keys.set(publicJwk.x, privateKey);
    return { method: 'jwk', alg: 'ES256', publicJwk };
  };
  const client = new Openid4vciClient({
    callbacks: {
      hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
      generateRandom: (length) => randomBytes(length),
      clientAuthentication: clientAuthenticationNone({ clientId: 'interop-wallet' }),
      signJwt: async ({ publicJwk }, { header, payload }) => ({
        jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(keys.get(publicJwk.x)),
        signerJwk: publicJwk,
      }),
      verifyJwt: async () => ({ verified: false }),
      decryptJwe: async () => ({ decrypted: false }),
      encryptJwe: async () => { throw new Error('not asked for'); },
    },
  });
  const { offer, code } = await standardOffer();
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await signer() },
  });
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const [credentialConfigurationId] = credentialOffer.credential_configuration_ids;
  const { jwt } = await client.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId, signer: await signer(), nonce, issuedAt: new Date(),
  });
  const { credentialResponse } = await client.retrieveCredentials({
    issuerMetadata, accessToken: token.accessTokenResponse.access_token, credentialConfigurationId, dpop: token.dpop, proofs: { jwt: [jwt] },
  });
  return credentialResponse.credentials[0].credential.split('~')[0];
}

test('the agency resolves over HTTP, and its key verifies a badge', async () => {
  const { didDocument, didResolutionMetadata, didDocumentMetadata } = await resolver.resolve(did);
  assert.equal(didResolutionMetadata.error, undefined);
  assert.equal(didDocument.id, did);
  assert.equal(didDocumentMetadata.versionId, '1');
  const jwt = await badge();
  const { payload } = await jose.compactVerify(jwt, await key(didDocument));
  assert.equal(JSON.parse(Buffer.from(payload)).iss, origin);
  const [header, body, signature] = jwt.split('.');
  const forged = `${header}.${Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload)), iat: 1 })).toString('base64url')}.${signature}`;
  assert.notEqual(body, forged.split('.')[1]);
  await assert.rejects(jose.compactVerify(forged, await key(didDocument)));
});

test('the same agency resolves as did:web, with the same key', async () => {
  const name = `did:web:${new URL(origin).host.replace(':', '%3A')}:agencies:9900000`;
  const { didDocument, didResolutionMetadata } = await resolver.resolve(name);
  assert.equal(didResolutionMetadata.error, undefined, didResolutionMetadata.message);
  assert.equal(didDocument.id, name);
  assert.deepEqual(didDocument.alsoKnownAs, [did]);
  const ours = await jose.exportJWK(await key((await resolver.resolve(did)).didDocument));
  assert.deepEqual(await jose.exportJWK(await key(didDocument)), ours);
});

test('versions, strangers and nonsense have their own answers', async () => {
  const first = await resolver.resolve(`${did}?versionId=1`);
  assert.equal(first.didDocument.id, did);
  for (const [name, error] of [[`${did}?versionId=9`, 'notFound'], ['did:mapae:demo:9900009', 'notFound'], ['did:mapae:demo', 'invalidDid']]) {
    assert.equal((await resolver.resolve(name)).didResolutionMetadata.error, error, name);
  }
});
