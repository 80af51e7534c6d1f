// What the judges of presenting share: certificates by OpenSSL, the callbacks of the stock libraries, a stock wallet that
// holds badges, and as much CBOR as a session transcript needs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DeviceResponse } from '@auth0/mdl';
import { clientAuthenticationNone, setGlobalConfig } from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import * as jose from 'jose';
import { demo, standardOffer } from '../demo.mjs';

setGlobalConfig({ allowInsecureUrls: true });

const run = promisify(execFile);
const sha256 = (data) => createHash('sha256').update(data).digest();
export const b64u = (data) => Buffer.from(data).toString('base64url');

/** A root of its own, and keys certified below it. */
export class Authority {
  static async named(name) {
    const authority = new Authority();
    authority.folder = mkdtempSync(join(tmpdir(), 'mapae-authority-'));
    await authority.#openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
      '-subj', `/CN=${name}`, '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
      '-keyout', 'root.key', '-out', 'root.pem');
    return authority;
  }

  async #openssl(...args) {
    await run('openssl', args, { cwd: this.folder });
  }

  get file() { return join(this.folder, 'root.pem'); }

  /** A key below the root, with the chain that travels in `x5c`. */
  async certify(name, { days = '30' } = {}) {
    const at = join(this.folder, 'leaf.ext');
    writeFileSync(at, 'keyUsage=critical,digitalSignature\nsubjectAltName=DNS:localhost\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    await this.#openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', 'leaf.key', '-out', 'leaf.csr');
    await this.#openssl('x509', '-req', '-in', 'leaf.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-days', days, '-extfile', 'leaf.ext', '-out', 'leaf.pem');
    const der = new X509Certificate(readFileSync(join(this.folder, 'leaf.pem'))).raw;
    const root = new X509Certificate(readFileSync(this.file)).raw;
    return {
      key: await jose.importPKCS8(readFileSync(join(this.folder, 'leaf.key'), 'utf8'), 'ES256'),
      x5c: [der.toString('base64')],
      root: root.toString('base64'),
      clientId: `x509_hash:${b64u(sha256(der))}`,
    };
  }
}

export const keys = new Map();

/** A key that the libraries know by its public half. */
export async function newSigner() {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const publicJwk = await jose.exportJWK(publicKey);
  keys.set(publicJwk.x, privateKey);
  return { method: 'jwk', alg: 'ES256', publicJwk, privateKey };
}

async function keyOf(signer) {
  if (signer.publicJwk) return jose.importJWK(signer.publicJwk, signer.alg);
  assert.ok(signer.x5c, 'a key in the header or a certificate');
  return jose.importX509(`-----BEGIN CERTIFICATE-----\n${signer.x5c[0]}\n-----END CERTIFICATE-----`, signer.alg);
}

/** The callbacks of the `@openid4vc` libraries over jose; `certified` signs what is signed with a certificate. */
export const callbacks = ({ certified, decryption } = {}) => ({
  hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
  generateRandom: (length) => randomBytes(length),
  clientAuthentication: clientAuthenticationNone({ clientId: 'interop-wallet' }),
  getX509CertificateMetadata: (certificate) => {
    const names = new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName ?? '';
    return { sanDnsNames: [...names.matchAll(/DNS:([^,\s]+)/g)].map((match) => match[1]), sanUriNames: [] };
  },
  signJwt: async (signer, { header, payload }) => {
    const key = signer.method === 'x5c' ? certified.key : keys.get(signer.publicJwk.x);
    const signerJwk = signer.publicJwk ?? (await jose.exportJWK(await keyOf(signer)));
    return { jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(key), signerJwk };
  },
  verifyJwt: async (signer, { compact }) => {
    try {
      const key = await keyOf(signer);
      await jose.compactVerify(compact, key);
      return { verified: true, signerJwk: signer.publicJwk ?? (await jose.exportJWK(key)) };
    } catch {
      return { verified: false };
    }
  },
  encryptJwe: async ({ publicJwk, alg, enc }, data) => {
    const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
      .setProtectedHeader({ alg, enc, kid: publicJwk.kid })
      .encrypt(await jose.importJWK(publicJwk, alg));
    return { encryptionJwk: publicJwk, jwe };
  },
  decryptJwe: async (jwe) => {
    try {
      const { plaintext } = await jose.compactDecrypt(jwe, decryption.privateKey);
      return { decrypted: true, decryptionJwk: decryption.publicJwk, payload: new TextDecoder().decode(plaintext) };
    } catch {
      return { decrypted: false };
    }
  },
});

/** A key pair for one request's answer. */
export async function encryptionKey(kid = 'answer-1') {
  const { publicKey, privateKey } = await jose.generateKeyPair('ECDH-ES', { extractable: true, crv: 'P-256' });
  return { privateKey, publicJwk: { ...(await jose.exportJWK(publicKey)), kid, alg: 'ECDH-ES', use: 'enc' } };
}

/** Badges of an applicant in a stock wallet: `@openid4vc/openid4vci`, pre-authorized code, DPoP. */
export async function receive({ copies, format = 'dc+sd-jwt' }) {
  const client = new Openid4vciClient({ callbacks: callbacks() });
  const { offer, code } = await standardOffer();
  const credentialOffer = await client.resolveCredentialOffer(offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const token = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode: code, dpop: { signer: await newSigner() },
  });
  const known = issuerMetadata.credentialIssuer.credential_configurations_supported;
  const configuration = credentialOffer.credential_configuration_ids.find((id) => known[id].format === format);
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const signers = await Promise.all(Array.from({ length: copies }, newSigner));
  const jwt = await Promise.all(signers.map(async (signer) =>
    (await client.createCredentialRequestJwtProof({ issuerMetadata, credentialConfigurationId: configuration, signer, nonce, issuedAt: new Date() })).jwt));
  const response = await client.retrieveCredentials({
    issuerMetadata, accessToken: token.accessTokenResponse.access_token, credentialConfigurationId: configuration, dpop: token.dpop, proofs: { jwt },
  });
  return response.credentialResponse.credentials.map((entry, at) => ({ credential: entry.credential, signer: signers[at] }));
}

/** The SD-JWT with only those disclosures, by claim name. */
export function disclose(credential, names) {
  const [jwt, ...disclosures] = credential.split('~').filter((part) => part !== '');
  const told = disclosures.filter((one) => names.includes(JSON.parse(Buffer.from(one, 'base64url'))[1]));
  return `${[jwt, ...told].join('~')}~`;
}

/** A key binding JWT over a text that ends in `~`. */
export async function bind(text, key, { nonce, aud, iat = Math.floor(Date.now() / 1000), over = text, extra = {}, typ = 'kb+jwt' }) {
  const payload = { iat, aud, nonce, sd_hash: b64u(sha256(over)), ...extra };
  return text + (await new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ }).sign(key));
}

/** An SD-JWT VC of one's own making. */
export async function issue(certified, { vct, claims, holder, iat, exp, status, header = {}, disclosuresTwice = false }) {
  const disclosures = Object.entries(claims).map(([name, value]) => b64u(JSON.stringify([b64u(randomBytes(16)), name, value])));
  const now = Math.floor(Date.now() / 1000);
  const payload = {
    iss: 'https://id.example', vct, iat: iat ?? now - 60, exp: exp ?? now + 3600, _sd_alg: 'sha-256', _sd: disclosures.map((one) => b64u(sha256(one))),
    ...(holder ? { cnf: { jwk: holder.publicJwk } } : {}), ...(status ? { status } : {}),
  };
  const jwt = await new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'dc+sd-jwt', x5c: certified.x5c, ...header }).sign(certified.key);
  const told = disclosuresTwice ? [...disclosures, disclosures[0]] : disclosures;
  return `${[jwt, ...told].join('~')}~`;
}

const head = (major, n) => (n < 24 ? Buffer.from([(major << 5) | n]) : n < 256 ? Buffer.from([(major << 5) | 24, n]) : Buffer.from([(major << 5) | 25, n >> 8, n & 255]));
const bytes = (data) => Buffer.concat([head(2, data.length), data]);
const text = (words) => Buffer.concat([head(3, Buffer.byteLength(words)), Buffer.from(words)]);
const array = (...items) => Buffer.concat([head(4, items.length), ...items]);
const map = (...pairs) => Buffer.concat([head(5, pairs.length), ...pairs.flatMap(([name, value]) => [text(name), value])]);
const embedded = (data) => Buffer.concat([Buffer.from([0xd8, 24]), bytes(data)]);
const nothing = Buffer.from([0xf6]);

const transcript = (name, info) => embedded(array(nothing, nothing, array(text(name), bytes(sha256(info)))));
const thumbprint = async (jwk) => bytes(Buffer.from(await jose.calculateJwkThumbprint(jwk, 'sha256'), 'base64url'));

/** OpenID4VP 1.0 §B.2.6.1, as `SessionTranscriptBytes`. */
export async function handover({ clientId, nonce, jwk, responseUri }) {
  return transcript('OpenID4VPHandover', array(text(clientId), text(nonce), await thumbprint(jwk), text(responseUri)));
}

/** OpenID4VP 1.0 §B.2.6.2. */
export async function pageHandover({ origin, nonce, jwk }) {
  return transcript('OpenID4VPDCAPIHandover', array(text(origin), text(nonce), await thumbprint(jwk)));
}

export const BADGE_DOCUMENT = 'io.mapae.badge.1';

/** A document of ours on the stock library's phone: the elements named are told, bound to a transcript. */
export async function presentDocument({ credential, signer, elements, to }) {
  const document = map(['docType', text(BADGE_DOCUMENT)], ['issuerSigned', Buffer.from(credential, 'base64url')]);
  const held = map(['version', text('1.0')], ['documents', array(document)], ['status', head(0, 0)]);
  const key = { ...(await jose.exportJWK(signer.privateKey)), kid: 'device' };
  const shown = await DeviceResponse.from(held)
    .usingPresentationDefinition({
      id: 'badge',
      input_descriptors: [{
        id: BADGE_DOCUMENT,
        format: { mso_mdoc: { alg: ['ES256'] } },
        constraints: { limit_disclosure: 'required', fields: elements.map((name) => ({ path: [`$['${BADGE_DOCUMENT}']['${name}']`], intent_to_retain: false })) },
      }],
    })
    .usingSessionTranscriptBytes(to)
    .authenticateWithSignature(key, 'ES256')
    .sign();
  return shown.encode();
}

/** Calls `mapae` as the operator of the running demo. */
export async function operator(...args) {
  const { stdout } = await run(process.env.MAPAE, args, { env: { ...process.env, ...demo.operator.environment } });
  return stdout;
}

/** Asks our verifier, as the demo's relying party. */
export async function verification(body) {
  const headers = { authorization: `Bearer ${demo.relying_party.api_key}`, 'content-type': 'application/json' };
  const at = new URL('/api/v1/verifications', demo.urls.public);
  const response = await fetch(at, { method: 'POST', headers, body: JSON.stringify(body) });
  const created = await response.json();
  assert.equal(response.status, 201, JSON.stringify(created));
  return { ...created, result: async () => (await fetch(`${at}/${created.id}`, { headers })).json() };
}
