// npm `@openid4vc/openid4vp` and `dcql` as a verifier before the phone in the terminal, and as a wallet before our verifier.
// In each direction what is good comes first; then everything that is wrong in one respect is refused for that reason.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Verifier } from '@auth0/mdl';
import { Openid4vpClient, Openid4vpVerifier } from '@openid4vc/openid4vp';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { DcqlPresentationResult, DcqlQuery } from 'dcql';
import * as jose from 'jose';
import { chromiumArguments, demo, phone, phoneAnswersPage } from '../demo.mjs';
import {
  Authority, BADGE_DOCUMENT, b64u, bind, callbacks, disclose, encryptionKey, handover, issue, newSigner, operator, pageHandover, presentDocument, receive, verification,
} from './stock.mjs';

const run = promisify(execFile);
const VCT = `${demo.urls.public}/types/badge`;
const NEVER = 'the phone answered what it had to refuse';

/** Why the phone refused: the code in its JSON. */
async function refusal(...args) {
  try {
    await phone(...args);
  } catch (error) {
    return JSON.parse(error.stdout).error.code;
  }
  throw new Error(NEVER);
}

/** A judge in Python, which reads what it judges and says what is wrong. */
async function python(script, judged) {
  const running = run(process.env.PYTHON, [script]);
  running.child.stdin.end(JSON.stringify(judged));
  await running;
}

const sdJwtQuery = (names = ['name', 'inst_code'], more = {}) => ({
  credentials: [{ id: 'badge', format: 'dc+sd-jwt', meta: { vct_values: [VCT] }, claims: names.map((name) => ({ path: [name] })), ...more }],
});
const mdocQuery = (names = ['name', 'inst_code']) => ({
  credentials: [{ id: 'doc', format: 'mso_mdoc', meta: { doctype_value: BADGE_DOCUMENT }, claims: names.map((name) => ({ path: [BADGE_DOCUMENT, name] })) }],
});

/** A verifier on a port of its own; what it sends is made anew for each fetch. */
class StockVerifier {
  static async open(authority, certified) {
    const verifier = new StockVerifier();
    Object.assign(verifier, { authority, certified, posts: [] });
    verifier.server = createServer((request, response) => verifier.#answer(request, response));
    await new Promise((done) => { verifier.server.listen(0, '127.0.0.1', done); });
    verifier.base = `http://localhost:${verifier.server.address().port}`;
    return verifier;
  }

  async #answer(request, response) {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const form = new URLSearchParams(Buffer.concat(pieces).toString());
    if (request.url === '/request') {
      response.writeHead(200, { 'content-type': 'application/oauth-authz-req+jwt' }).end(await this.make(form.get('wallet_nonce') ?? undefined));
    } else {
      this.posts.push(Object.fromEntries(form));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    }
  }

  close() { this.server.close(); }

  /** Prepares a request; `change` spoils its payload, `sign` how it is signed. Returns the link. */
  async prepare({ query = sdJwtQuery(), mode = 'direct_post.jwt', change = () => {}, header = {}, by = this.certified, method = 'post', clientId = by.clientId, linkId = clientId, nonceBack = true, expiresInSeconds = 120 } = {}) {
    this.posts = [];
    this.decryption = await encryptionKey();
    this.stock = new Openid4vpVerifier({ callbacks: callbacks({ certified: by, decryption: this.decryption }) });
    this.payload = {
      response_type: 'vp_token', response_mode: mode, client_id: clientId, response_uri: `${this.base}/response`,
      nonce: b64u(randomBytes(18)), state: b64u(randomBytes(9)), dcql_query: query,
      client_metadata: {
        jwks: { keys: [this.decryption.publicJwk] }, encrypted_response_enc_values_supported: ['A128GCM', 'A256GCM'],
        vp_formats_supported: {
          'dc+sd-jwt': { 'sd-jwt_alg_values': ['ES256'], 'kb-jwt_alg_values': ['ES256'] },
          mso_mdoc: { issuerauth_alg_values: [-7, -9], deviceauth_alg_values: [-7, -9] },
        },
      },
    };
    this.make = async (walletNonce) => {
      const made = await this.stock.createOpenId4vpAuthorizationRequest({
        authorizationRequestPayload: this.payload,
        jar: {
          requestUri: `${this.base}/request`, jwtSigner: { method: 'x5c', alg: 'ES256', x5c: by.x5c }, expiresInSeconds,
          // The library's own default is the request's address, which OpenID4VP 1.0 §5.8 does not have.
          additionalJwtPayload: { aud: 'https://self-issued.me/v2' },
        },
      });
      const text = made.jar.authorizationRequestJwt;
      const payload = jose.decodeJwt(text);
      if (walletNonce && nonceBack) payload.wallet_nonce = walletNonce;
      change(payload);
      const key = header.key ?? by.key;
      const protectedHeader = { ...jose.decodeProtectedHeader(text), ...header };
      delete protectedHeader.key;
      return new jose.SignJWT(payload).setProtectedHeader(protectedHeader).sign(key);
    };
    const link = new URLSearchParams({ client_id: linkId, request_uri: `${this.base}/request` });
    if (method === 'post') link.set('request_uri_method', 'post');
    return `openid4vp://?${link}`;
  }

  /** The presentations in what the phone posted, opened by the library and matched with the query by `dcql`. */
  async opened() {
    assert.equal(this.posts.length, 1, 'one answer');
    const parsed = await this.stock.parseOpenid4vpAuthorizationResponse({
      authorizationResponse: this.posts[0], authorizationRequestPayload: this.payload, callbacks: callbacks({ decryption: this.decryption }),
    });
    assert.equal(parsed.type, 'dcql');
    return parsed;
  }
}

/** An SD-JWT VC by a stock library: issuer's signature by the certificate under the platform root, key binding, nonce. */
async function verifySdJwt(presentation, { nonce, aud }) {
  const ecdsa = (jwk) => crypto.subtle.importKey('jwk', { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  const certified = async (data, signature) => {
    const { x5c } = jose.decodeProtectedHeader(`${data}.`);
    const key = await jose.importX509(`-----BEGIN CERTIFICATE-----\n${x5c[0]}\n-----END CERTIFICATE-----`, 'ES256', { extractable: true });
    return check(await ecdsa(await jose.exportJWK(key)), data, signature);
  };
  const check = async (key, data, signature) => crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), new TextEncoder().encode(data));
  const instance = new SDJwtVcInstance({
    hasher: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
    hashAlg: 'sha-256',
    verifier: certified,
    statusListFetcher: async (uri) => (await fetch(uri, { headers: { accept: 'application/statuslist+jwt' } })).text(),
    statusVerifier: certified,
    kbVerifier: async (data, signature, payload) => check(await ecdsa(payload.cnf.jwk), data, signature),
  });
  const verified = await instance.verify(presentation, { keyBindingNonce: nonce });
  assert.equal(verified.kb.payload.aud, aud);
  return instance.getClaims(presentation);
}

describe('a stock verifier before our wallet', () => {
  let stock;
  let stranger;

  before(async () => {
    const authority = await Authority.named('Example Interop Root');
    await phone('trust', authority.file);
    stock = await StockVerifier.open(authority, await authority.certify('Example Interop Verifier'));
    const other = await Authority.named('Example Stranger Root');
    stranger = await other.certify('Example Stranger');
  });
  after(() => stock.close());

  test('SD-JWT VC: encrypted, bound, and matched by the dcql library', async () => {
    for (const method of ['post', 'get']) {
      const said = await phone('present', await stock.prepare({ method }), '--yes');
      assert.deepEqual([...said.claims].sort(), ['inst_code', 'name']);
      const { dcql, authorizationResponsePayload } = await stock.opened();
      assert.equal(authorizationResponsePayload.state, stock.payload.state);
      const [presentation] = dcql.presentations.badge;
      const claims = await verifySdJwt(presentation, { nonce: stock.payload.nonce, aud: stock.certified.clientId });
      const query = DcqlQuery.parse(sdJwtQuery());
      DcqlQuery.validate(query);
      const matched = DcqlPresentationResult.fromDcqlPresentation(
        { badge: [{ credential_format: 'dc+sd-jwt', vct: claims.vct, claims, cryptographic_holder_binding: true }] }, { dcqlQuery: query });
      assert.ok(matched.can_be_satisfied, JSON.stringify(matched));
      assert.equal(claims.birth_date, undefined, 'nothing that was not asked for');
      await python('protocols/sd_jwt_vc.py', { presentation, nonce: stock.payload.nonce, aud: stock.certified.clientId, claims: ['inst_code', 'name'] });
    }
  });

  test('mobile document: @auth0/mdl finds nothing wrong under the handover of OpenID4VP', async () => {
    await phone('present', await stock.prepare({ query: mdocQuery() }), '--yes');
    const { dcql } = await stock.opened();
    const [response] = dcql.presentations.doc;
    const transcript = await handover({ clientId: stock.certified.clientId, nonce: stock.payload.nonce, jwk: stock.decryption.publicJwk, responseUri: stock.payload.response_uri });
    const root = await (await fetch(new URL('/root.pem', demo.urls.public))).text();
    const faults = [];
    const { documents: [document] } = await new Verifier([root]).verify(Buffer.from(response, 'base64url'), {
      encodedSessionTranscript: transcript,
      onCheck: (check) => { if (check.status === 'FAILED') faults.push(`${check.id}: ${check.reason ?? ''}`); },
    });
    assert.deepEqual(faults, []);
    const told = document.issuerSigned.nameSpaces[BADGE_DOCUMENT].map((item) => item.elementIdentifier);
    assert.deepEqual(told.sort(), ['inst_code', 'name']);
  });

  test('two credentials at once, in the clear where the verifier asks for that', async () => {
    const query = { credentials: [...sdJwtQuery(['name']).credentials, ...mdocQuery(['inst_code']).credentials] };
    await phone('present', await stock.prepare({ query, mode: 'direct_post' }), '--yes');
    assert.ok(stock.posts[0].vp_token, 'not encrypted');
    const { dcql } = await stock.opened();
    assert.deepEqual(Object.keys(dcql.presentations).sort(), ['badge', 'doc']);
  });

  test('transaction data is signed with the presentation', async () => {
    const entry = b64u(JSON.stringify({ type: 'urn:mapae:transaction:approve', credential_ids: ['badge'], title: '예시 결재' }));
    await phone('present', await stock.prepare({ change: (payload) => { payload.transaction_data = [entry]; } }), '--yes');
    const { dcql } = await stock.opened();
    const [presentation] = dcql.presentations.badge;
    const kb = jose.decodeJwt(presentation.split('~').at(-1));
    assert.deepEqual(kb.transaction_data_hashes, [b64u(createHash('sha256').update(entry).digest())]);
    const [verified] = await stock.stock.verifyTransactionData({ transactionData: [entry], credentials: { badge: [{ transaction_data_hashes: kb.transaction_data_hashes, transaction_data_hashes_alg: 'sha-256' }] } });
    assert.equal(verified.credentialId, 'badge');
  });

  test('what is wrong in one respect is refused for that reason, and nothing is shown', async () => {
    const other = await stock.authority.certify('Example Other Verifier');
    const spoiled = {
      request_untrusted: { by: stranger },
      request_certificate: { by: { ...stock.certified, x5c: other.x5c }, clientId: stock.certified.clientId },
      request_signature: { header: { key: other.key } },
      request_foreign_client: { linkId: stock.certified.clientId, change: (payload) => { payload.client_id = other.clientId; } },
      request_audience: { change: (payload) => { payload.aud = 'https://another-wallet.example'; } },
      request_expired: { change: (payload) => { payload.exp = Math.floor(Date.now() / 1000) - 60; } },
      request_replayed: { nonceBack: false },
      request_type: { header: { typ: 'JWT' } },
      request_nonce: { change: (payload) => { payload.nonce = 'short'; } },
      request_state: { change: (payload) => { payload.state = 'not url safe'; } },
      request_response_uri: { change: (payload) => { payload.response_uri = 'http://verifier.example/response'; } },
      request_response_type: { change: (payload) => { payload.response_type = 'code'; } },
      request_response_mode: { change: (payload) => { payload.response_mode = 'dc_api.jwt'; } },
      request_query: { change: (payload) => { payload.dcql_query = { credentials: [] }; } },
      request_formats: { change: (payload) => { payload.dcql_query.credentials[0].format = 'ldp_vc'; } },
      request_encryption_key: { change: (payload) => { payload.client_metadata.jwks.keys[0].alg = 'RSA-OAEP-256'; } },
      request_transaction_data: { change: (payload) => { payload.transaction_data = [b64u('{"type":"unknown","credential_ids":["badge"]}')]; } },
      no_matching_credential: { query: sdJwtQuery(['salary']) },
      claim_reserved: { query: sdJwtQuery(['link_id']) },
    };
    for (const [code, how] of Object.entries(spoiled)) {
      assert.equal(await refusal('present', await stock.prepare(how), '--yes'), code);
      assert.ok(stock.posts.every((post) => post.error && !post.vp_token && !post.response), `${code}: no presentation`);
    }
    const elsewhere = sdJwtQuery(['name'], { trusted_authorities: [{ type: 'aki', values: ['AAAA'] }] });
    assert.equal(await refusal('present', await stock.prepare({ query: elsewhere }), '--yes'), 'no_matching_credential');
    console.log(`${Object.keys(spoiled).length + 1} wrong requests, each refused for its reason`);
  });

  test('a verifier that is known hears what was wrong with its request', async () => {
    await refusal('present', await stock.prepare({ change: (payload) => { payload.transaction_data = ['e30']; } }), '--yes');
    assert.deepEqual(stock.posts, [{ error: 'invalid_transaction_data', state: stock.payload.state }]);
    await refusal('present', await stock.prepare(), '--no');
    assert.deepEqual(stock.posts, [{ error: 'access_denied', state: stock.payload.state }]);
  });

  test('a request is answered once', async () => {
    const link = await stock.prepare({ method: 'get' });
    const { make } = stock;
    const once = await make();
    stock.make = async () => once;
    await phone('present', link, '--yes');
    assert.equal(await refusal('present', link, '--yes'), 'request_answered');
  });
});

/** What our verifier says of an answer: its status, and the reason of a refusal. */
async function post(uri, form) {
  const response = await fetch(uri, { method: 'POST', body: new URLSearchParams(form) });
  const body = await response.json();
  return { status: response.status, reason: body.reason ?? body.code, body };
}

describe('a stock wallet before our verifier', () => {
  const client = new Openid4vpClient({ callbacks: callbacks() });
  let badges;
  let documents;

  before(async () => {
    badges = await receive({ copies: 8 });
    documents = await receive({ copies: 4, format: 'mso_mdoc' });
  });

  /** Asks our verifier and lets the stock library read and verify the request. */
  async function asked(body) {
    const made = await verification(body);
    const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: made.link });
    const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
    return { made, resolved, request: resolved.authorizationRequestPayload };
  }

  const jarm = { encryption: { nonce: '' }, serverMetadata: { authorization_encryption_alg_values_supported: ['ECDH-ES'], authorization_encryption_enc_values_supported: ['A256GCM'] } };

  async function answer(request, vpToken) {
    const created = await client.createOpenid4vpAuthorizationResponse({ authorizationRequestPayload: request, authorizationResponsePayload: { vp_token: vpToken }, jarm });
    const sent = await client.submitOpenid4vpAuthorizationResponse({ authorizationRequestPayload: request, authorizationResponsePayload: created.authorizationResponsePayload, jarm: created.jarm });
    const body = await sent.response.json();
    return { status: sent.response.status, reason: body.reason ?? body.code, body };
  }

  test('SD-JWT VC: the library reads our request, its answer is verified', async () => {
    const { made, resolved, request } = await asked({ claims: ['name', 'inst_code'] });
    assert.equal(resolved.client.prefix, 'x509_hash');
    assert.equal(request.response_mode, 'direct_post.jwt');
    DcqlQuery.validate(DcqlQuery.parse(resolved.dcql.query));
    const [{ credential, signer }] = badges;
    const presentation = await bind(disclose(credential, ['name', 'inst_code']), signer.privateKey, { nonce: request.nonce, aud: request.client_id });
    const taken = await answer(request, { badge: [presentation] });
    assert.equal(taken.status, 200, JSON.stringify(taken.body));
    const result = await made.result();
    assert.equal(result.state, 'verified');
    assert.deepEqual(Object.keys(result.claims).sort(), ['inst_code', 'name']);
    assert.equal((await made.result()).code, 'verification_gone', 'told once');
  });

  test('every wrong SD-JWT VC is refused for its reason, and the request still waits for the right one', async () => {
    const { made, request } = await asked({ claims: ['name', 'inst_code'] });
    const [, { credential, signer }, { signer: other }] = badges;
    const told = disclose(credential, ['name', 'inst_code']);
    const to = { nonce: request.nonce, aud: request.client_id };
    const bound = (how = {}, text = told, key = signer.privateKey) => bind(text, key, { ...to, ...how });
    const [jwt, ...disclosures] = told.split('~').filter((part) => part);
    const damaged = (() => {
      const [head, payload, signature] = jwt.split('.');
      const claims = JSON.parse(Buffer.from(payload, 'base64url'));
      claims.exp += 1;
      return `${[`${head}.${b64u(JSON.stringify(claims))}.${signature}`, ...disclosures].join('~')}~`;
    })();
    const stranger = await (await Authority.named('Example Forger Root')).certify('Example Forger');
    const forged = await issue(stranger, { vct: VCT, claims: { name: { ko: '가짜' }, inst_code: '1' }, holder: signer });
    const unasked = `${told}${b64u(JSON.stringify([b64u(randomBytes(16)), 'rank', '1']))}~`;
    const now = Math.floor(Date.now() / 1000);
    const wrong = [
      ['nonce', await bound({ nonce: 'another-nonce-of-a-request' })],
      ['audience', await bound({ aud: 'x509_hash:AAAA' })],
      ['holder_binding_signature', await bound({}, told, other.privateKey)],
      ['holder_binding_missing', told],
      ['holder_binding_hash', await bound({ over: disclose(credential, ['name']) })],
      ['holder_binding_time', await bound({ iat: now - 3600 })],
      ['token_type', await bound({ typ: 'JWT' })],
      ['transaction_data', await bound({ extra: { transaction_data_hashes: ['AAAA'] } })],
      ['issuer_signature', await bound({}, damaged)],
      ['issuer_chain', await bound({}, forged)],
      ['disclosure_duplicate', await bound({}, `${[jwt, ...disclosures, disclosures[0]].join('~')}~`)],
      ['disclosure_unreferenced', await bound({}, unasked)],
      ['claim_missing', await bound({}, disclose(credential, ['name']))],
      ['malformed', 'no.token~'],
    ];
    for (const [reason, presentation] of wrong) {
      const got = await answer(request, { badge: [presentation] });
      assert.deepEqual([got.status, got.reason], [400, reason]);
    }
    const good = await bound();
    for (const [reason, token] of [['credential_not_asked', { other: [good] }], ['credential_twice', { badge: [good, good] }]]) {
      const got = await answer(request, token);
      assert.deepEqual([got.status, got.reason], [400, reason]);
    }
    const [jwk] = request.client_metadata.jwks.keys;
    const encrypted = async (payload, header = {}, key = jwk) => new jose.EncryptJWT(payload)
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A128GCM', kid: jwk.kid, ...header }).encrypt(await jose.importJWK(key, 'ECDH-ES'));
    const payload = { vp_token: { badge: [good] }, state: request.state };
    for (const [reason, form] of [
      ['response_not_encrypted', { vp_token: JSON.stringify(payload.vp_token), state: request.state }],
      ['response_other_key', { response: await encrypted(payload, { kid: 'another' }) }],
      ['invalid_request', { response: await encrypted(payload, {}, (await encryptionKey()).publicJwk) }],
      ['invalid_request', { response: await encrypted({ ...payload, state: 'another' }) }],
      ['invalid_request', { response: await encrypted({ state: request.state }) }],
      ['invalid_request', { response: await encrypted(payload, { enc: 'A128CBC-HS256' }) }],
    ]) {
      const got = await post(request.response_uri, form);
      assert.deepEqual([got.status, got.reason], [400, reason]);
    }
    assert.equal((await made.result()).state, 'pending');
    assert.equal((await post(request.response_uri, { response: await encrypted(payload) })).status, 200, 'A128GCM is taken as well');
    const replayed = await post(request.response_uri, { response: await encrypted(payload) });
    assert.deepEqual([replayed.status, replayed.body.code], [409, 'verification_answered']);
    assert.equal((await made.result()).state, 'verified');
    console.log(`${wrong.length + 8} wrong answers, each refused for its reason, and a replay`);
  });

  test('mobile document: good first, then another client, nonce, address, key, page, holder and digest', async () => {
    const { made, request } = await asked({ dcql_query: mdocQuery() });
    const [jwk] = request.client_metadata.jwks.keys;
    const right = { clientId: request.client_id, nonce: request.nonce, jwk, responseUri: request.response_uri };
    const [{ credential, signer }, { signer: other }] = documents;
    const show = async (transcript, how = {}) => b64u(await presentDocument({ credential, signer, elements: ['name', 'inst_code'], to: transcript, ...how }));
    const to = async (how) => show(await handover({ ...right, ...how }));
    const good = Buffer.from(await to({}), 'base64url');
    const changed = (find, by = 1) => {
      const copy = Buffer.from(good);
      const at = copy.indexOf(find);
      assert.ok(at >= 0, `${find} is in the document`);
      copy[at] ^= by;
      return b64u(copy);
    };
    const wrong = [
      ['holder_binding_signature', 'client', await to({ clientId: 'x509_hash:AAAA' })],
      ['holder_binding_signature', 'nonce', await to({ nonce: 'another-nonce-of-a-request' })],
      ['holder_binding_signature', 'address', await to({ responseUri: `${demo.urls.public}/elsewhere` })],
      ['holder_binding_signature', 'encryption key', await to({ jwk: (await encryptionKey()).publicJwk })],
      ['holder_binding_signature', 'handover of a page', await show(await pageHandover({ origin: demo.urls.public, nonce: request.nonce, jwk }))],
      ['holder_binding_signature', 'holder', await show(await handover(right), { signer: other })],
      ['disclosure_unreferenced', 'digest', changed('예시')],
      ['claim_missing', 'element', await show(await handover(right), { elements: ['name'] })],
      ['malformed', 'cut', b64u(good.subarray(0, good.length - 20))],
      ['malformed', 'no document', b64u('no document')],
      ['malformed', 'an SD-JWT', disclose(badges[0].credential, ['name'])],
      ['holder_binding_signature', 'a byte of the signature', (() => { const copy = Buffer.from(good); copy[copy.length - 20] ^= 1; return b64u(copy); })()],
    ];
    for (const [reason, what, presentation] of wrong) {
      const got = await answer(request, { doc: [presentation] });
      assert.deepEqual([what, got.status, got.reason], [what, 400, reason]);
    }
    assert.equal((await made.result()).state, 'pending');
    const taken = await answer(request, { doc: [b64u(good)] });
    assert.equal(taken.status, 200, JSON.stringify(taken.body));
    const result = await made.result();
    assert.deepEqual(Object.keys(result.claims[BADGE_DOCUMENT]).sort(), ['inst_code', 'name']);
    console.log(`${wrong.length} wrong documents, each refused for its reason`);
  });

  test('a citizen’s ID of another issuer: its root is registered, and its own faults are refused', async () => {
    const type = 'https://id.example/types/citizen';
    const authority = await Authority.named('Example Citizen Root');
    const certified = await authority.certify('Example Citizen Issuer');
    const add = (kind, status) => operator('relying-party', 'trust', 'add', demo.relying_party.client_id, '--format', 'dc+sd-jwt', '--type', kind,
      '--name-ko', '예시 시민증', '--name-en', 'Example citizen ID', '--root', authority.file, '--claim', 'given_name', '--status', status);
    await add(type, 'if_named');
    await add(`${type}-strict`, 'required');
    const holder = await newSigner();
    const now = Math.floor(Date.now() / 1000);
    const ask = async (kind) => asked({ dcql_query: { credentials: [{ id: 'citizen', format: 'dc+sd-jwt', meta: { vct_values: [kind] }, claims: [{ path: ['given_name'] }] }, ...sdJwtQuery(['name']).credentials] } });
    const { made, request } = await ask(type);
    const to = { nonce: request.nonce, aud: request.client_id };
    const id = async (how = {}, key = holder.privateKey) => bind(await issue(certified, { vct: type, claims: { given_name: '시민' }, holder, ...how }), key, to);
    const [, , , { credential, signer }] = badges;
    const badge = await bind(disclose(credential, ['name']), signer.privateKey, to);
    for (const [reason, citizen] of [
      ['expired', await id({ exp: now - 60 })],
      ['not_yet_valid', await id({ iat: now + 3600, exp: now + 7200 })],
      ['wrong_type', await id({ vct: `${type}-strict` })],
      ['holder_key_missing', await id({ holder: undefined })],
      ['disclosure_duplicate', await id({ disclosuresTwice: true })],
      ['token_type', await id({ header: { typ: 'JWT' } })],
      ['status_unknown', await id({ status: { status_list: { uri: 'http://localhost:9/list', idx: 1 } } })],
    ]) {
      const got = await answer(request, { citizen: [citizen], badge: [badge] });
      assert.deepEqual([got.status, got.reason], [400, reason]);
    }
    const missing = await answer(request, { badge: [badge] });
    assert.deepEqual([missing.status, missing.reason], [400, 'credential_missing']);
    const taken = await answer(request, { citizen: [await id()], badge: [badge] });
    assert.equal(taken.status, 200, JSON.stringify(taken.body));
    const result = await made.result();
    assert.deepEqual(result.credentials.map((one) => [one.query, one.freshness.status]), [['citizen', 'absent'], ['badge', 'valid']]);
    const strict = await ask(`${type}-strict`);
    const bare = await bind(await issue(certified, { vct: `${type}-strict`, claims: { given_name: '시민' }, holder }), holder.privateKey, { nonce: strict.request.nonce, aud: strict.request.client_id });
    const again = await bind(disclose(credential, ['name']), signer.privateKey, { nonce: strict.request.nonce, aud: strict.request.client_id });
    const refused = await answer(strict.request, { citizen: [bare], badge: [again] });
    assert.deepEqual([refused.status, refused.reason], [400, 'status_absent']);
  });
});

describe('pages, through the Digital Credentials API', () => {
  const origin = new URL(demo.relying_party.redirect_uri).origin;

  const bring = async (uri, data) => {
    const response = await fetch(uri, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(data) });
    const body = await response.json();
    return { status: response.status, reason: body.reason ?? body.code, body };
  };

  test('our wallet answers our page, signed and unsigned, in both formats; elsewhere it refuses', async () => {
    for (const [body, pick] of [[{ claims: ['name'] }, 0], [{ claims: ['name'] }, 1], [{ dcql_query: mdocQuery(['name']) }, 0], [{ dcql_query: mdocQuery(['name']) }, 1]]) {
      const made = await verification({ ...body, origin });
      const { requests, answer_uri: uri } = made.digital_credentials;
      if (pick === 0) {
        const replayed = await phoneAnswersPage(requests[0], 'https://evil.example');
        assert.equal(replayed.error.code, 'request_origin');
      }
      const said = await phoneAnswersPage(requests[pick], origin);
      assert.equal(said.credential?.protocol, requests[pick].protocol, JSON.stringify(said));
      const taken = await bring(uri, said.credential.data);
      assert.equal(taken.status, 200, JSON.stringify(taken.body));
      assert.equal((await made.result()).state, 'verified');
    }
  });

  test('an answer that was made for another page is refused', async () => {
    const made = await verification({ claims: ['name'], origin });
    const { requests, answer_uri: uri } = made.digital_credentials;
    // The unsigned request on an evil page: the phone answers that page, and what it says is worth nothing here.
    const said = await phoneAnswersPage(requests[1], 'https://evil.example');
    const got = await bring(uri, said.credential.data);
    assert.deepEqual([got.status, got.reason], [400, 'audience']);
    const declined = await bring(uri, { error: 'access_denied' });
    assert.equal(declined.status, 200);
    assert.deepEqual(await made.result(), { state: 'declined', error: 'access_denied' });
  });

  test('the stock library reads both of our requests for a page', async () => {
    const made = await verification({ claims: ['name'], origin });
    const client = new Openid4vpClient({ callbacks: callbacks() });
    for (const { data } of made.digital_credentials.requests) {
      const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: data });
      const resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params, origin });
      assert.equal(resolved.authorizationRequestPayload.response_mode, 'dc_api.jwt');
      await assert.rejects(client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params, origin: data.request ? 'https://evil.example' : undefined }));
    }
  });

  test('Chromium’s virtual wallet answers our page', async () => {
    const { chromium } = await import('playwright-core');
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: [...chromiumArguments, '--enable-features=WebIdentityDigitalCredentials'] });
    try {
      const page = await browser.newPage();
      const devtools = await page.context().newCDPSession(page);
      const made = await verification({ claims: ['name'] });
      const pageOrigin = new URL(made.page).origin;
      // The virtual wallet hands back what it is given: our own phone makes it from the request that the page is about to use.
      await page.route('**/verification/pages/*', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        const response = await route.fetch();
        const { requests } = await response.json();
        const { credential } = await phoneAnswersPage(requests[0], pageOrigin);
        await devtools.send('DigitalCredentials.setVirtualWalletBehavior', { action: 'respond', protocol: credential.protocol, response: credential.data });
        return route.fulfill({ response });
      });
      await page.goto(made.page);
      await page.locator('[data-browser]').click({ timeout: 5000 });
      await page.locator('[data-state="answered"]').waitFor({ timeout: 10000 });
      assert.equal((await made.result()).state, 'verified');
    } finally {
      await browser.close();
    }
  });
});
