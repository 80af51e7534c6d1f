// npm `@auth0/mdl` verifies a document that we issued and presented, and issues and presents one that we verify.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DeviceResponse, Document, MDoc, Verifier, parse } from '@auth0/mdl';

const folder = process.env.MDOC_FOLDER;
const type = 'example.mapae.badge.1';
const file = (name) => readFileSync(join(folder, name));
const json = (name) => JSON.parse(file(name));
const pem = (name) => `-----BEGIN CERTIFICATE-----\n${file(name).toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----`;

/** The transcript as the library takes it: `SessionTranscriptBytes`, in tag 24. */
function wrapped(transcript) {
  assert.ok(transcript.length >= 24 && transcript.length < 256);
  return Buffer.concat([Buffer.from([0xd8, 0x18, 0x58, transcript.length]), transcript]);
}

/** What our verifier says of the files that were left for it. */
function ours() {
  const now = String(Math.floor(Date.now() / 1000));
  return JSON.parse(execFileSync(process.env.MDOC_VECTORS, ['read', folder, now], { encoding: 'utf8' }));
}

/** The checks that failed. */
async function failed(response, transcript) {
  const faults = [];
  const verifier = new Verifier([pem('root.der')]);
  await verifier.verify(response, {
    encodedSessionTranscript: wrapped(transcript),
    onCheck: (check) => { if (check.status === 'FAILED') faults.push(check.id); },
  });
  // A country in the certificate's subject is asked of driving licences (ISO/IEC 18013-5 Annex B); ours names the agency.
  return faults.filter((id) => id !== 'ISSUER_SUBJECT_COUNTRY_NAME_PRESENCE');
}

test('a document of ours verifies: chain, signature, digests, validity, device signature', async () => {
  assert.deepEqual(await failed(file('response.cbor'), file('transcript.cbor')), []);
  const [document] = parse(file('response.cbor')).documents;
  const told = document.getIssuerNameSpace(type);
  assert.deepEqual(Object.keys(told).sort(), ['birth_date', 'is_serving', 'name', 'thumbnail']);
  assert.equal(told.is_serving, true);
});

test('under another transcript our device signature fails, and a changed element its digest', async () => {
  const transcript = Buffer.from(file('transcript.cbor'));
  transcript[transcript.length - 1] ^= 1;
  assert.deepEqual(await failed(file('response.cbor'), transcript), ['DEVICE_SIGNATURE_VALIDITY']);
  const response = Buffer.from(file('response.cbor'));
  response[response.indexOf('Sion')] ^= 1;
  assert.deepEqual(await failed(response, file('transcript.cbor')), ['ATTRIBUTE_DIGEST_MATCH']);
});

async function theirs() {
  const { d, ...publicKey } = json('device.jwk');
  const document = await new Document(type)
    .addIssuerNameSpace(type, { name: '예시온', grade: 5, is_serving: true, birth_date: '1990-02-28' })
    .useDigestAlgorithm('SHA-256')
    .addValidityInfo({ signed: new Date() })
    .addDeviceKeyInfo({ deviceKey: publicKey })
    .sign({ issuerPrivateKey: { ...json('issuer.jwk'), kid: 'issuer' }, issuerCertificate: pem('issuer.der'), alg: 'ES256' });
  return DeviceResponse.from(new MDoc([document]))
    .usingPresentationDefinition({
      id: 'badge',
      input_descriptors: [{
        id: type,
        format: { mso_mdoc: { alg: ['ES256'] } },
        constraints: {
          limit_disclosure: 'required',
          fields: ['name', 'grade'].map((name) => ({ path: [`$['${type}']['${name}']`], intent_to_retain: false })),
        },
      }],
    })
    .usingSessionTranscriptBytes(wrapped(file('transcript.cbor')))
    .authenticateWithSignature({ ...publicKey, d, kid: 'device' }, 'ES256')
    .sign();
}

test('a document of theirs verifies with us and tells what was chosen', async () => {
  writeFileSync(join(folder, 'their-response.cbor'), (await theirs()).encode());
  assert.deepEqual(ours().response.claims, { [type]: { name: '예시온', grade: 5 } });
});

test('a changed byte in a document of theirs is refused with its reason', async () => {
  const response = Buffer.from((await theirs()).encode());
  response[response.indexOf('예시온')] ^= 1;
  writeFileSync(join(folder, 'their-response.cbor'), response);
  const { refused } = ours().response;
  assert.ok(['disclosure_unreferenced', 'malformed', 'disclosure_malformed'].includes(refused), refused);
});
