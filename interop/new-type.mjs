// An ID type that the demo does not know is put into its folder of types while it runs. Then an official asks for it, the HR
// desk approves, the phone in the terminal receives it in both formats and shows each to a relying party.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';
import { demo, phone } from './demo.mjs';

const run = promisify(execFile);
const TYPE = 'example-honorary';
const DOCTYPE = 'io.mapae.example.honorary.1';
const folder = demo.operator.environment.MAPAE__ISSUANCE__TYPES;
const origin = demo.urls.public.replace(/\/$/, '');
const vct = `${origin}/types/${TYPE}`;
const file = readFileSync(process.env.TYPE_FILE, 'utf8');

/** A command on the server's machine. */
const server = async (...args) => {
  const environment = { ...process.env, ...demo.operator.environment };
  return (await run(process.env.MAPAE, args, { env: environment })).stdout;
};

/** One call of an API: status and body. */
const api = async (listener, path, token, body, method = body === undefined ? 'GET' : 'POST') => {
  const response = await fetch(`${demo.urls[listener].replace(/\/$/, '')}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : {} };
};

const signIn = async (listener, door, login) => {
  const account = demo.accounts.find((known) => known.listener === listener && known.login === login);
  assert.ok(account, `the demo has no account ${login}`);
  const { status, body } = await api(listener, `/api/v1/${door}/session`, undefined, { login, password: account.password });
  assert.equal(status, 201, JSON.stringify(body));
  return body.token;
};

const issuer = async () => (await (await fetch(`${origin}/.well-known/openid-credential-issuer`)).json()).credential_configurations_supported;

const until = async (what, seen) => {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await seen()) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`${what} did not come`);
};

/** Puts a whole file into the folder: the server never sees half of one. */
const put = (name, text) => {
  const part = join(folder, `${name}.part`);
  writeFileSync(part, text);
  renameSync(part, join(folder, name));
};

let request;
let applicant;

test('a broken file is refused with line and reason, by the check of the configuration too', async () => {
  const broken = file.replace('approval = "hr"', 'approval = "boss"');
  const line = broken.split('\n').findIndex((text) => text.startsWith('approval')) + 1;
  put('honorary.toml', broken);
  const refused = await server('config', 'check').then(() => undefined, (error) => error.stderr + error.stdout);
  assert.match(refused ?? 'it was taken', new RegExp(`honorary\\.toml, line ${line}: `));
  assert.equal((await issuer())[TYPE], undefined, 'the running server stays as it was');
});

test('the file alone makes the running server issue the type, once the registrar accredited it', async () => {
  assert.equal((await fetch(vct)).status, 404);
  put('honorary.toml', file);
  await until('the configuration', async () => (await issuer())[TYPE] !== undefined);
  const published = await issuer();
  assert.equal(published[TYPE].vct, vct);
  assert.equal(published[`${TYPE}-mdoc`].doctype, DOCTYPE);
  const metadata = await (await fetch(vct)).json();
  assert.deepEqual(metadata.display.map((one) => one.name), ['예시 명예공무원증', 'Example Honorary Official ID']);
  // The demo plays the registrar: both names come onto the trust list with the council's statement.
  const accredited = async () => {
    const list = await (await fetch(`${origin}/trust-list`)).text();
    const payload = Buffer.from(list.split('.')[1], 'base64url').toString();
    return [vct, DOCTYPE].every((name) => payload.includes(`"${name}"`));
  };
  await until('the accreditation', accredited);
});

test('an official asks, the HR desk approves', async () => {
  const login = 'yesi.gong';
  applicant = await signIn('public', 'portal', login);
  const wrong = await api('public', '/api/v1/portal/credential-requests', applicant, { credential_type: TYPE, values: {} });
  assert.deepEqual([wrong.status, wrong.body.code], [422, 'credential_value']);
  const made = await api('public', '/api/v1/portal/credential-requests', applicant, { credential_type: TYPE, values: { reason: '예시 사유' } });
  assert.deepEqual([made.status, made.body.state], [201, 'waiting']);
  request = made.body.id;
  const early = await api('public', `/api/v1/portal/credential-requests/${request}/offer`, applicant, {});
  assert.equal(early.body.code, 'credential_not_approved');
  const hr = await signIn('console', 'console', 'yesi.insa');
  const waiting = await api('console', '/api/v1/console/credential-requests', hr);
  assert.ok(waiting.body.requests.some((one) => one.id === request));
  const bare = await api('console', `/api/v1/console/credential-requests/${request}/decision`, hr, { approve: true });
  assert.equal(bare.body.code, 'credential_value', 'the file leaves the grade to the approver');
  const approved = await api('console', `/api/v1/console/credential-requests/${request}/decision`, hr, { approve: true, values: { grade: '금' } });
  assert.equal(approved.status, 204, JSON.stringify(approved.body));
});

test('the phone receives it in both formats, with names and colours of the file', async () => {
  const offer = await api('public', `/api/v1/portal/credential-requests/${request}/offer`, applicant, {});
  assert.equal(offer.status, 201, JSON.stringify(offer.body));
  const received = await phone('receive', offer.body.link, '--code', offer.body.tx_code);
  assert.ok(received.copies >= 6, JSON.stringify(received));
  const shown = (await phone('show')).credentials.filter((one) => [vct, DOCTYPE].includes(one.vct));
  assert.deepEqual(shown.map((one) => one.format).sort(), ['dc+sd-jwt', 'mso_mdoc']);
  for (const one of shown) assert.match(JSON.stringify(one), /예시 명예공무원증|Example Honorary/);
});

test('a relying party that is registered for it verifies it in both formats, and no other claim', async () => {
  const secrets = JSON.parse(await server('relying-party', 'add', '--id', 'honorary-desk', '--name-ko', '예시 창구', '--name-en', 'Example Desk', '--api', '--json', '--claims', `name,${TYPE}:name,${TYPE}:grade`));
  const queries = [
    { id: 'id', format: 'dc+sd-jwt', meta: { vct_values: [vct] }, claims: [{ path: ['grade'] }, { path: ['name'] }] },
    { id: 'id', format: 'mso_mdoc', meta: { doctype_value: DOCTYPE }, claims: [{ path: [DOCTYPE, 'grade'] }] },
  ];
  for (const query of queries) {
    const made = await api('public', '/api/v1/verifications', secrets.api_key, { dcql_query: { credentials: [query] } });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    await phone('present', made.body.link, '--everything', '--yes');
    const result = await api('public', `/api/v1/verifications/${made.body.id}`, secrets.api_key);
    assert.equal(result.status, 200, JSON.stringify(result.body));
    assert.match(JSON.stringify(result.body), /"금"/);
    console.log(`# ${query.format}: grade 금 verified, status ${JSON.stringify(result.body).match(/"status":"\w+"/)?.[0]}`);
  }
  const more = { id: 'id', format: 'dc+sd-jwt', meta: { vct_values: [vct] }, claims: [{ path: ['birth_date'] }] };
  const refused = await api('public', '/api/v1/verifications', secrets.api_key, { dcql_query: { credentials: [more] } });
  assert.ok(refused.status >= 400 && JSON.stringify(refused.body).includes(`${TYPE}:birth_date`), JSON.stringify(refused.body));
});

test('a reported loss stops it with the badge', async () => {
  const holder = ['--agency', demo.holder.agency, '--number', demo.holder.number, '--by', 'yesi.boan'];
  await server('badge', 'suspend', ...holder, '--reason', 'loss');
  // A list is signed at most once a second, so its readers hear of it so much later.
  let standing;
  for (let turn = 0; turn < 25; turn += 1) {
    standing = (await phone('show')).credentials.filter((one) => [vct, DOCTYPE].includes(one.vct)).map((one) => one.checked.status);
    if (standing.every((status) => status === 'suspended')) break;
    await new Promise((done) => setTimeout(done, 200));
  }
  assert.deepEqual(standing, ['suspended', 'suspended']);
  await server('badge', 'resume', ...holder, '--reason', 'found');
});
