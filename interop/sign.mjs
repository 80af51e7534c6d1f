// An official signs in the wallet app, in headless Chromium: what a relying party asks for is opened, read and signed with the PIN;
// a wrong PIN signs nothing; a document that is not the one that the request names is refused before anything is asked of the
// server; a refusal tells why. axe-core looks at each screen. What was signed is left for pyHanko and poppler.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PIN, Phone, api, applicant, browser } from './app.mjs';
import { demo } from './demo.mjs';

const folder = process.env.SIGN_WORK;
const plain = readFileSync(join(folder, 'plain.pdf'));
const key = demo.relying_party.api_key;
let chromium;
let phone;
let holder;
let asked;
let kept;

before(async () => {
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  chromium = await browser();
  holder = applicant();
  phone = await Phone.on(chromium);
  await phone.setUp(holder);
});

after(async () => chromium?.close());

async function ask(title) {
  const body = {
    title,
    purpose: '예시 결재',
    document: plain.toString('base64'),
    signers: [{ inst_code: holder.agency, employee_number: holder.number }],
    expires_in: 3600,
  };
  return (await api(demo.urls.public, '/api/v1/signatures', { body, token: key })).id;
}

const standing = (id) => api(demo.urls.public, `/api/v1/signatures/${id}`, { method: 'GET', token: key });

/** A worker puts the signature into the document a moment after it was given. */
async function until(id, state) {
  let now;
  for (let turn = 0; turn < 300; turn += 1) {
    now = await standing(id);
    if (now.state === state) return now;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`it never came to ${state}: ${JSON.stringify(now)}`);
}

/** From the card to the list. */
async function list() {
  await phone.home();
  await phone.press('서명할 문서');
  await phone.at('서명할 문서');
}

const row = (title) => phone.page.locator('.row', { hasText: title });

/** What the phone asks of the server on its way to a signature, from now on. */
function watched() {
  const seen = [];
  const hear = (request) => {
    const path = new URL(request.url()).pathname;
    if (/\/wallet\/v1\/(signatures\/open|challenge|instructions)$/.test(path)) seen.push(path);
  };
  phone.page.on('request', hear);
  return { seen, stop: () => phone.page.off('request', hear) };
}

/** Keys in this browser that were not there before the first signature. */
const keysSince = async () => (await phone.stored()).keys.filter((name) => !kept.has(name));

test('a document that waits says who asks, what for and until when', async () => {
  await list();
  await phone.page.getByText('서명할 문서가 없습니다').waitFor();
  await phone.look('documents-none');
  asked = await ask('예시 결재 문서');
  await list();
  await row('예시 결재 문서').waitFor();
  assert.match(await row('예시 결재 문서').innerText(), /예시.* · 예시 결재 · .*까지/s);
  await phone.look('documents');
});

test('a swapped document is refused by the phone before anything is signed', async () => {
  const cases = {
    'a bit is another': Buffer.from(plain.map((byte, at) => (at === 40 ? byte ^ 1 : byte))),
    'another PDF': readFileSync(join(folder, 'bad/other_content.flipped.pdf')),
    'cut short': plain.subarray(0, plain.length - 1),
  };
  for (const [name, body] of Object.entries(cases)) {
    const { seen, stop } = watched();
    await phone.page.route('**/wallet/v1/signatures/*/document', (route) => route.fulfill({ status: 200, contentType: 'application/pdf', body }));
    await list();
    await row('예시 결재 문서').click();
    await phone.told(/요청에 적힌 문서와 다릅니다. 서명하지 않았습니다/);
    await phone.at('서명할 문서');
    assert.equal(await phone.page.getByRole('button', { name: '서명하기' }).count(), 0, `${name}: there is nothing to sign`);
    if (name === 'another PDF') await phone.look('document-swapped');
    await phone.page.unroute('**/wallet/v1/signatures/*/document');
    stop();
    assert.deepEqual(seen, [], `${name}: no certificate was asked for and no PIN sent`);
    assert.equal((await standing(asked)).state, 'waiting');
  }
});

test('the document is shown, and what is shown are the bytes that were sent in', async () => {
  await list();
  await row('예시 결재 문서').click();
  await phone.at('예시 결재 문서');
  const facts = await phone.page.innerText('main');
  for (const words of ['요청한 곳', '예시 결재', '기한', '1/1', '바로 그 문서']) assert.ok(facts.includes(words), `${words}: ${facts}`);
  // Not before it was opened.
  await phone.press('서명하기');
  await phone.told(/아직 열어 보지 않은 문서/);
  await phone.look('document');
  await phone.press('문서 열기');
  const pages = phone.page.locator('iframe.pages');
  await pages.waitFor();
  assert.match(await pages.getAttribute('src'), /^blob:/);
  const [download] = await Promise.all([phone.page.waitForEvent('download'), phone.page.getByRole('link', { name: '파일로 열기' }).click()]);
  assert.deepEqual(readFileSync(await download.path()), plain);
  await phone.page.waitForTimeout(1500);
  await phone.look('document-open');
});

test('a wrong PIN signs nothing, and the tries left are told', async () => {
  await phone.press('서명하기');
  await phone.at('PIN 입력');
  await phone.look('document-pin');
  kept = new Set((await phone.stored()).keys);
  const wrong = PIN.replace(/.$/, (digit) => String((Number(digit) + 1) % 10));
  await phone.type(wrong);
  await phone.told(/PIN이 틀렸습니다. 4번 남았습니다/);
  await phone.look('document-pin-wrong');
  const now = await standing(asked);
  assert.equal(now.state, 'waiting');
  assert.equal(now.signers[0].state, 'waiting');
  const refused = await fetch(new URL(`/api/v1/signatures/${asked}/document`, demo.urls.public), { headers: { authorization: `Bearer ${key}` } });
  assert.equal(refused.status, 409, 'there is no signed document');
  assert.deepEqual(await keysSince(), [], 'the key of the signature is gone');
});

test('the right PIN signs, and the key is gone afterwards', async () => {
  await phone.type(PIN);
  await phone.at('서명했습니다');
  await phone.look('document-done');
  await until(asked, 'signed');
  const response = await fetch(new URL(`/api/v1/signatures/${asked}/document`, demo.urls.public), { headers: { authorization: `Bearer ${key}` } });
  assert.equal(response.status, 200);
  const signed = Buffer.from(await response.arrayBuffer());
  assert.ok(signed.subarray(0, plain.length).equals(plain), 'it begins with the very bytes that were sent in');
  writeFileSync(join(folder, 'browser-signed.pdf'), signed);
  writeFileSync(join(folder, 'browser-signer.txt'), holder.name);
  assert.deepEqual(await keysSince(), [], 'the key of the signature is gone');
  await phone.home();
  await phone.press('사용 내역');
  await phone.at('사용 내역');
  await phone.page.getByText('문서에 서명').first().waitFor();
});

test('a refusal ends the request and tells why', async () => {
  const id = await ask('예시: 거절할 문서');
  await list();
  await row('거절할 문서').click();
  await phone.at('거절할 문서');
  await phone.press('서명 거절');
  await phone.at('서명 거절');
  await phone.press('거절하기');
  await phone.told(/까닭이 없습니다/);
  await phone.page.fill('#reason', '예시: 금액이 다릅니다');
  await phone.look('document-refuse');
  await phone.press('거절하기');
  await phone.at('서명을 거절했습니다');
  const now = await until(id, 'refused');
  assert.equal(now.reason, '예시: 금액이 다릅니다');
});

test('several by one PIN, and a request that was taken back while it was read', async () => {
  const ids = [];
  for (const n of [1, 2]) ids.push(await ask(`예시 문서 ${n}`));
  await list();
  await phone.press('2건 함께 보고 서명');
  await phone.at('문서 2건');
  while (await phone.page.getByRole('button', { name: '문서 열기' }).count()) await phone.press('문서 열기');
  await phone.press('서명하기');
  await phone.at('PIN 입력');
  await phone.type(PIN);
  await phone.at('서명했습니다');
  for (const id of ids) await until(id, 'signed');

  const id = await ask('예시: 거둔 문서');
  await phone.press('다른 문서 보기');
  await phone.at('서명할 문서');
  await row('거둔 문서').click();
  await phone.at('거둔 문서');
  await phone.press('문서 열기');
  const gone = await fetch(new URL(`/api/v1/signatures/${id}`, demo.urls.public), { method: 'DELETE', headers: { authorization: `Bearer ${key}` } });
  assert.equal(gone.status, 204);
  await phone.press('서명하기');
  await phone.at('PIN 입력');
  await phone.type(PIN);
  await phone.told(/이 요청은 끝났습니다/);
  const status = await standing(id);
  assert.equal(status.state, 'withdrawn');
});

test('English is complete', async () => {
  await phone.home();
  await phone.press('설정');
  await phone.press('언어');
  await phone.at('Settings');
  await ask('예시 영어 화면');
  await phone.page.locator('.tabs button').first().click();
  await phone.press('Documents to sign');
  await phone.at('Documents to sign');
  await row('예시 영어 화면').click();
  await phone.page.getByRole('button', { name: 'Open the document' }).waitFor();
  await phone.look('document-english');
  const text = (await phone.page.innerText('main')).replaceAll('예시 영어 화면', '').replaceAll('예시 결재', '');
  assert.doesNotMatch(text, /[가-힣]/, text);
});
