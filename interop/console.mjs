// One day at the console: what each duty does, in headless Chromium, with a phone that gets a badge, loses it and gets another.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { activationCode, api, applicant, message } from './app.mjs';
import { Browser, chromiumArguments, demo } from './demo.mjs';

const run = promisify(execFile);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const password = demo.accounts[0].password;
const sizes = { wide: { width: 1440, height: 900 }, tablet: { width: 768, height: 1024 }, phone: { width: 360, height: 740 } };
const operator = { ...process.env, ...demo.operator.environment };
const folder = mkdtempSync(join(tmpdir(), 'mapae-console-'));
const PIN = '482951';
let browser;
const people = {};

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: chromiumArguments,
  });
  for (const login of ['yesi.bujang', 'yesi.insa', 'yesi.insa2', 'yesi.boan', 'yesi.gamsa', 'yesi.unyeong']) people[login] = await desk(login);
});

after(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Somebody's browser; whatever its console says in error fails the day. */
async function person(options = {}) {
  const context = await browser.newContext({ viewport: sizes.wide, locale: 'ko-KR', timezoneId: 'Asia/Seoul', ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (said) => said.type() === 'error' && !/status of 4(01|03|09|22)/.test(said.text()) && complaints.push(said.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

async function signedIn(base, door, login) {
  const who = await person();
  await who.page.goto(new URL(door, base).href);
  await who.page.fill('#login', login);
  await who.page.fill('#password', password);
  await who.page.click('form button[type=submit].primary');
  await who.page.waitForLoadState();
  who.go = (path) => who.page.goto(new URL(path, base).href);
  who.press = async (name) => {
    await who.page.getByRole('button', { name }).first().click();
    await who.page.waitForLoadState();
  };
  who.text = () => who.page.innerText('main');
  return who;
}

const desk = (login) => signedIn(demo.urls.console, '/sign-in', login);
const portal = (login) => signedIn(demo.urls.public, '/portal/sign-in', login);

/** A picture in each size, and no violation of WCAG 2.2 A and AA. */
async function look(page, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `desk-${name}-${size}.png`), fullPage: size === 'phone' });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${viewport.width} px`);
  }
  await page.setViewportSize(sizes.wide);
  await page.evaluate(`${axe};undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target).join(' ')}`), [], name);
}

/** `mapae wallet …` on a phone of its own. */
function phone(name) {
  const vault = join(folder, name);
  return async (...args) => {
    try {
      const { stdout } = await run(process.env.MAPAE, ['wallet', '--vault', vault, '--json', ...args], { env: { ...process.env, MAPAE_PIN: PIN, MAPAE_NEW_PIN: PIN } });
      return JSON.parse(stdout);
    } catch (error) {
      return { ok: false, ...JSON.parse(error.stdout || '{}') };
    }
  };
}

/** Sets a phone up from the newest message to the badge. */
async function enrol(walk, who) {
  const box = await (await fetch(new URL(`/demo/messages.json?to=${who.phone}`, demo.urls.public))).json();
  const install = box.map((one) => one.text).find((text) => text.includes('/install#')).split(/\s+/).find((word) => word.includes('/install#'));
  const ok = async (...args) => {
    const said = await walk(...args);
    assert.equal(said.ok, true, `${args[0]}: ${JSON.stringify(said)}`);
    return said;
  };
  await ok('activate', install, await activationCode(who));
  await ok('prove', '--name', who.name, '--rrn', who.rrn);
  const { text } = await message(who, box.length);
  await ok('otp', /\d{6}/.exec(text)[0]);
  await ok('pin', 'set');
  await ok('receive');
}

/** One login at the sample relying party; resolves with whether it went through. */
async function login(walk) {
  const visitor = new Browser();
  const start = await visitor.get(new URL('/login', demo.urls.relying_party));
  const page = await visitor.loginPage(new URL(start.headers.get('location'), demo.urls.relying_party));
  const said = await walk('login', page.link, '--number', page.number, '--yes');
  if (said.ok !== true) return { ok: false, said };
  return { ok: (await visitor.returned(page)).searchParams.has('code'), said };
}

/** The code of an authenticator app (RFC 6238), some steps of thirty seconds from now. */
function totp(secret, steps = 0) {
  let bits = '';
  for (const letter of secret) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const tag = createHmac('sha1', key).update(step).digest();
  const at = tag[19] & 15;
  return String((tag.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** Signs in at the console with the badge on a phone, as the browser and the phone do it; resolves when the browser has come back. */
async function badgeSignIn(page, walk) {
  await page.goto(new URL('/sign-in', demo.urls.console).href);
  await page.getByRole('link', { name: '모바일 공무원증으로 로그인' }).click();
  await page.waitForSelector('[data-qr] svg');
  assert.equal(new URL(page.url()).origin, new URL(demo.urls.public).origin, 'the provider asks, not the console');
  const [number, link] = [(await page.innerText('.login-digits')).trim(), await page.getAttribute('[data-qr]', 'data-scan')];
  const said = await walk('login', link, '--number', number, '--yes');
  assert.equal(said.ok, true, JSON.stringify(said));
  await page.waitForURL((url) => url.origin === new URL(demo.urls.console).origin, { timeout: 20000 });
  await page.waitForLoadState();
}

const three = {};
let holder;
const first = phone('first');
const second = phone('second');

test('three officials apply; the head approves two together and refuses one with a reason', async () => {
  holder = applicant();
  const staff = await api(demo.urls.console, '/api/v1/console/session', { body: { login: 'yesi.insa', password } });
  const all = [];
  for (let after = ''; after !== undefined; ) {
    const list = await api(demo.urls.console, `/api/v1/console/employees?limit=100&agency=${holder.agency}${after && `&after=${after}`}`, { method: 'GET', token: staff.token });
    all.push(...list.employees);
    after = list.next;
  }
  const mine = all.find((one) => one.number === holder.number);
  const free = all.filter((one) => one.department.ko === mine.department.ko).slice(-3);
  assert.equal(free.length, 3, 'the demo has three more officials in that department');
  for (const [at, one] of free.entries()) {
    const name = `yesi.day${at + 1}`;
    await new Promise((done, failed) => {
      const add = spawn(process.env.MAPAE, ['staff', 'add', name, '--agency', holder.agency, '--number', one.number], { env: operator, stdio: ['pipe', 'ignore', 'inherit'] });
      add.on('exit', (code) => (code === 0 ? done() : failed(new Error(`staff add: ${code}`))));
      add.stdin.end(`${password}\n`);
    });
    const { token } = await api(demo.urls.public, '/api/v1/portal/session', { body: { login: name, password } });
    const { id } = await api(demo.urls.public, '/api/v1/portal/applications', { token, body: { kind: 'first', note: '예시 신청' } });
    three[name] = { id, number: one.number, employee: one.id };
  }
  const head = people['yesi.bujang'];
  await head.go('/');
  await look(head.page, 'queue');
  for (const name of ['yesi.day1', 'yesi.day2']) await head.page.check(`input[name="chosen.${three[name].id}"]`);
  await head.press('선택한 신청 한꺼번에 보기');
  assert.match(await head.text(), /2건을 승인합니다/);
  await look(head.page, 'bulk-summary');
  await head.press('2건 승인');
  assert.match(await head.text(), /2건을 승인했습니다/);
  await look(head.page, 'bulk-done');
  await head.go(`/applications/${three['yesi.day3'].id}`);
  await head.page.click('summary');
  await head.page.fill('#reason', '이번 단계의 대상이 아닙니다.');
  await head.press('반려');
  const refused = await portal('yesi.day3');
  assert.match(await refused.text(), /이번 단계의 대상이 아닙니다/);
  assert.deepEqual(refused.complaints, []);
  await refused.context.close();
});

test('a duty is lent for a period and taken back', async () => {
  const hr = people['yesi.insa'];
  const number = three['yesi.day1'].number;
  await hr.go('/delegations');
  await hr.page.selectOption('#duty', 'hr_manager');
  await hr.page.fill('#to_number', number);
  await hr.page.locator('form[action="/delegations"] button[type=submit]').click();
  await hr.page.waitForLoadState();
  assert.equal(await hr.page.locator('[role=alert]').count(), 0, await hr.text());
  await look(hr.page, 'delegation');
  await hr.page.locator('form[action$="/end"] button').first().click();
  await hr.page.waitForLoadState();
  assert.equal(await hr.page.locator('form[action$="/end"]').count(), 0);
});

test('identities are checked one by one, issue is approved together, and phones are invited', async () => {
  const hr = people['yesi.insa'];
  for (const name of ['yesi.day1', 'yesi.day2']) {
    await hr.go(`/applications/${three[name].id}`);
    await hr.page.click('button[name=decision][value=approve]');
    await hr.page.waitForLoadState();
    assert.equal(await hr.page.locator('[role=alert]').count(), 0, await hr.text());
  }
  const approver = people['yesi.insa2'];
  await approver.go('/');
  for (const name of ['yesi.day1', 'yesi.day2']) await approver.page.check(`input[name="chosen.${three[name].id}"]`);
  await approver.press('선택한 신청 한꺼번에 보기');
  await approver.press('2건 승인');
  assert.match(await approver.text(), /2건을 승인했습니다/);
});

test('the badge is issued to a phone, and logs in', async () => {
  await enrol(first, holder);
  assert.equal((await login(first)).ok, true);
});

test('the desk asks an official to sign a document, and takes it back', async () => {
  const hr = people['yesi.insa'];
  await hr.go('/signatures');
  await look(hr.page, 'signatures-none');
  const objects = ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>', '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>'];
  let pdf = '%PDF-1.7\n';
  let table = '0000000000 65535 f \n';
  for (const [at, object] of objects.entries()) {
    table += `${String(pdf.length).padStart(10, '0')} 00000 n \n`;
    pdf += `${at + 1} 0 obj\n${object}\nendobj\n`;
  }
  pdf += `xref\n0 4\n${table}trailer\n<< /Size 4 /Root 1 0 R >>\nstartxref\n${pdf.length}\n%%EOF\n`;
  const ask = async (signers) => {
    await hr.page.fill('#title', '예시 서약서');
    await hr.page.fill('#purpose', '예시 서약');
    await hr.page.fill('#signers', signers);
    await hr.page.setInputFiles('#document', { name: 'a.pdf', mimeType: 'application/pdf', buffer: Buffer.from(pdf, 'latin1') });
    await hr.press('서명 요청');
  };
  await hr.page.selectOption('#agency', holder.agency);
  await ask('EX99999999');
  assert.match(await hr.page.innerText('[role=alert]'), /1번째 서명자/);
  assert.equal(await hr.page.inputValue('#title'), '예시 서약서', 'what was typed stays');
  await ask(holder.number);
  assert.match(await hr.text(), /서명 대기/);
  await look(hr.page, 'signatures');
  const waiting = await first('sign');
  assert.match(JSON.stringify(waiting), /예시 서약서/);
  await hr.press('요청 거두기');
  assert.match(await hr.text(), /거둔 요청/);
});

test('lost at night: the code on paper stops it at the public page, and logins are refused within a second', async () => {
  const official = await portal(holder.login);
  await official.go('/portal/devices');
  await look(official.page, 'devices');
  await official.go('/portal/loss');
  await look(official.page, 'portal-loss');
  await official.press('분실 코드 만들기');
  const code = (await official.page.innerText('#loss-code')).trim();
  await look(official.page, 'loss-code');
  await official.context.close();
  const anybody = await person();
  await anybody.page.goto(new URL('/loss', demo.urls.public).href);
  await look(anybody.page, 'public-loss');
  await anybody.page.fill('#code', 'AAAA-AAAA-AAAA-AAAA');
  await anybody.page.click('button.destroy');
  assert.match(await anybody.page.innerText('[role=alert]'), /남은 횟수/);
  await anybody.page.fill('#code', code.toLowerCase());
  const begun = Date.now();
  await anybody.page.click('button.destroy');
  await anybody.page.waitForSelector('#receipt');
  // The first login that is tried after the report is refused: nothing has to be waited for. How long the report took says its receipt;
  // the whole, with a browser and the start of a phone on a machine that may be busy, is told and not judged.
  const refused = await login(first);
  const took = Date.now() - begun;
  assert.equal(refused.ok, false, JSON.stringify(refused));
  const stopped = Number(/(\d+) ms/.exec(await anybody.page.innerText('#receipt'))[1]);
  assert.ok(stopped < 1000, `stopped ${stopped} ms after the report`);
  console.log(`from the report to the refused login: ${took} ms, the browser and the phone's start included`);
  await look(anybody.page, 'public-loss-done');
  assert.deepEqual(anybody.complaints, []);
  await anybody.context.close();
});

test('the security officer resumes it with a reason, and the phone logs in again', async () => {
  const officer = people['yesi.boan'];
  await officer.go('/loss');
  await look(officer.page, 'losses');
  await officer.page.locator('tbody th a').first().click();
  await officer.page.waitForLoadState();
  await look(officer.page, 'person-suspended');
  await officer.page.fill('#resume-reason', '본인이 휴대전화를 가지고 옴');
  await officer.press('되살리기');
  assert.match(await officer.text(), /사용 중/);
  assert.equal((await login(first)).ok, true);
});

test('lost again: HR takes the report; a re-issue goes through three hands; the old phone is dead, the new one works', async () => {
  const hr = people['yesi.insa'];
  await hr.go('/people');
  await hr.page.fill('#q', holder.number);
  await hr.page.keyboard.press('Enter');
  await hr.page.waitForURL('**/people?q=*');
  await look(hr.page, 'people');
  await hr.page.locator('tbody th a').first().click();
  await hr.page.waitForLoadState();
  await look(hr.page, 'person');
  await hr.press('지금 멈추기');
  assert.match(await hr.text(), /정지/);
  const { token } = await api(demo.urls.public, '/api/v1/portal/session', { body: { login: holder.login, password } });
  const before = await (await fetch(new URL(`/demo/messages.json?to=${holder.phone}`, demo.urls.public))).json();
  const { id } = await api(demo.urls.public, '/api/v1/portal/applications', { token, body: { kind: 'loss', note: '예시 분실' } });
  for (const login of ['yesi.bujang', 'yesi.insa', 'yesi.insa2']) {
    const at = people[login];
    await at.go(`/applications/${id}`);
    await at.page.click('button[name=decision][value=approve]');
    await at.page.waitForLoadState();
    assert.equal(await at.page.locator('[role=alert]').count(), 0, await at.text());
  }
  await message(holder, before.length);
  await enrol(second, holder);
  assert.equal((await login(first)).ok, false, 'the old phone');
  assert.equal((await login(second)).ok, true, 'the new phone');
});

test('a badge opens no console without a duty; two HR managers give one, and it does', async () => {
  const visitor = await person();
  await visitor.page.goto(new URL('/sign-in', demo.urls.console).href);
  await look(visitor.page, 'sign-in');
  await badgeSignIn(visitor.page, second);
  assert.match(await visitor.page.innerText('main'), /맡은 직무가 없습니다/);
  await look(visitor.page, 'badge-no-duty');
  const [one, two] = [people['yesi.insa'], people['yesi.insa2']];
  await one.go('/duties');
  await look(one.page, 'duties');
  await one.page.selectOption('#duty', 'security_officer');
  await one.page.fill('#agency', holder.agency);
  await one.page.fill('#number', holder.number);
  await one.page.fill('#reason', '예시 사유');
  await one.press('직무 요청');
  assert.match(await one.text(), /내가 요청했습니다/);
  await two.go('/duties');
  await look(two.page, 'duties-waiting');
  await two.page.locator('form[action$="/confirm"] button').click();
  await two.page.waitForLoadState();
  assert.equal(await two.page.locator('form[action$="/confirm"]').count(), 0, await two.text());
  await badgeSignIn(visitor.page, second);
  assert.equal(new URL(visitor.page.url()).pathname, '/');
  await visitor.page.goto(new URL('/account', demo.urls.console).href);
  assert.match(await visitor.page.innerText('main'), /모바일 공무원증[\s\S]*보안담당/);
  await look(visitor.page, 'account-badge');
  assert.deepEqual(visitor.complaints, []);
  await visitor.context.close();
});

test('what the official asks of HR: a correction, a second phone, the plastic card', async () => {
  const official = await portal(holder.login);
  const hr = people['yesi.insa'];
  await official.go('/portal/corrections');
  await official.page.selectOption('#field', 'rank');
  await official.page.fill('#said', '예시 직급이 다릅니다.');
  await official.press('정정 요청');
  await hr.go('/corrections');
  assert.match(await hr.text(), /예시 직급이 다릅니다/);
  await look(hr.page, 'corrections-queue');
  await hr.page.fill('textarea[name=reason]', '인사 기록을 고쳤습니다.');
  await hr.press('고쳤음');
  await official.go('/portal/corrections');
  assert.match(await official.text(), /인사 기록을 고쳤습니다/);
  await look(official.page, 'corrections');

  await official.go('/portal/notices');
  await official.page.fill('#phone', '010-0000-9997');
  await official.press('인증번호 보내기');
  let text;
  for (let turn = 0; turn < 50 && !text; turn += 1) {
    const box = await (await fetch(new URL('/demo/messages.json?to=01000009997', demo.urls.public))).json();
    text = box[0]?.text;
    if (!text) await new Promise((done) => setTimeout(done, 200));
  }
  await official.page.reload();
  await look(official.page, 'notices-code');
  await official.page.fill('#code', /\d{6}/.exec(text)[0]);
  await official.page.locator('form[action$="/confirm"] button').click();
  await official.page.waitForLoadState();
  assert.match(await official.text(), /확인됨/);
  await look(official.page, 'notices');

  await hr.go('/people');
  await hr.page.fill('#q', holder.number);
  await hr.page.keyboard.press('Enter');
  await hr.page.waitForURL('**/people?q=*');
  await hr.page.locator('tbody th a').first().click();
  await hr.page.waitForLoadState();
  await hr.page.fill('#card-number', 'EX-2026-0042');
  await hr.press('번호 연결');
  await look(hr.page, 'person-card');
  await official.go('/portal/loss');
  await official.press('카드 분실 신고');
  assert.match(await official.text(), /분실 신고됨/);
  await look(official.page, 'portal-card-lost');
  assert.equal((await login(second)).ok, true, 'the badge goes on without the card');
  assert.deepEqual(official.complaints, []);
  await official.context.close();
});

test('those who decide talk about an application, and tell the applicant what concerns them', async () => {
  const hr = people['yesi.insa'];
  const { id } = three['yesi.day1'];
  await hr.go(`/applications/${id}`);
  await hr.page.fill('#comment', '예시: 안에서만 보는 의견');
  await hr.press('의견 남기기');
  await hr.page.fill('#comment', '예시: 새 사진을 내 주세요');
  await hr.page.check('input[name=for_applicant]');
  await hr.press('의견 남기기');
  await look(hr.page, 'application-comments');
  const official = await portal('yesi.day1');
  const text = await official.text();
  assert.ok(text.includes('새 사진을 내 주세요') && !text.includes('안에서만 보는'), text);
  await official.context.close();
});

test('the operator plans the roll-out; everybody reads which agencies issue', async () => {
  const operatorDesk = people['yesi.unyeong'];
  await operatorDesk.go('/agencies');
  await look(operatorDesk.page, 'agencies');
  await operatorDesk.go(`/agencies/${holder.agency}`);
  await operatorDesk.page.fill('#target', '500');
  await operatorDesk.press('저장');
  assert.equal(await operatorDesk.page.locator('[role=alert]').count(), 0, await operatorDesk.text());
  assert.equal(await operatorDesk.page.inputValue('#target'), '500');
  await operatorDesk.page.fill('#value', '예시임기제');
  await operatorDesk.page.selectOption('#kind', 'contract');
  await operatorDesk.page.fill('#rule-ko', '다음 단계에 발급합니다.');
  await operatorDesk.press('규칙 추가');
  assert.match(await operatorDesk.text(), /예시임기제/);
  await look(operatorDesk.page, 'agency');
  await operatorDesk.press('규칙 끝내기');
  assert.doesNotMatch(await operatorDesk.text(), /예시임기제/);
  // A local government decides for itself: one of its HR managers records the decision, another confirms it.
  for (const number of ['EX00000380', 'EX00000381']) {
    await run(process.env.MAPAE, ['staff', 'grant', '--agency', '9000001', '--number', number, '--over', '9000105', 'hr_manager'], { env: operator });
  }
  const [one, two] = [people['yesi.insa'], people['yesi.insa2']];
  await one.go('/agencies/9000105');
  await one.page.fill('#decision-number', '예시군 2026-17');
  await one.page.fill('#decided_on', '2026-05-04');
  await one.press('결정 기록');
  assert.match(await one.text(), /내가 기록했습니다/);
  await two.go('/agencies/9000105');
  await look(two.page, 'agency-decision');
  await two.press('결정 확인');
  assert.equal(await two.page.locator('[role=alert]').count(), 0, await two.text());
  await look(two.page, 'agency-decided');
  await operatorDesk.go('/relying-parties');
  assert.match(await operatorDesk.text(), /예시 업무 포털[\s\S]*마패 업무 창구/);
  await look(operatorDesk.page, 'relying-parties');
  // Two operators register one: the second is an HR manager who was also given that duty on the server.
  await run(process.env.MAPAE, ['staff', 'grant', '--agency', '9000001', '--number', 'EX00000381', 'operator'], { env: operator });
  await operatorDesk.go('/relying-parties/new');
  await look(operatorDesk.page, 'party-form');
  await operatorDesk.page.fill('#id', 'documents');
  await operatorDesk.page.fill('#name_ko', '예시 문서 시스템');
  await operatorDesk.page.fill('#name_en', 'Example documents');
  await operatorDesk.page.uncheck('input[name=test]');
  await operatorDesk.page.fill('#redirect_uris', 'https://documents.example/callback');
  await operatorDesk.page.check('input[name="claim.name"]');
  await operatorDesk.press('승인 요청');
  assert.match(await operatorDesk.page.innerText('[role=alert]'), /한국어와 영어로/);
  await look(operatorDesk.page, 'party-form-refused');
  await operatorDesk.page.fill('#ko-name', '문서에 이름을 적기 위해');
  await operatorDesk.page.fill('#en-name', 'to write the name on documents');
  await operatorDesk.press('승인 요청');
  assert.match(await operatorDesk.text(), /내가 요청했습니다/);
  const asked = new URL(operatorDesk.page.url()).pathname;
  await two.go('/relying-parties');
  await look(two.page, 'party-waiting');
  await two.go(asked);
  await look(two.page, 'party-request');
  await two.press('승인');
  assert.match(await two.text(), /이 화면에만 보입니다/);
  assert.match(await two.page.innerText('#client-secret'), /^[\w-]{43}$/);
  await look(two.page, 'party-secrets');
  await two.go('/relying-parties/registered/documents');
  await look(two.page, 'party');
  await two.press('새 비밀값 만들기');
  await look(two.page, 'party-rotated');
  await two.go('/relying-parties/registered/documents/change');
  await two.page.check('input[name="claim.rank"]');
  await two.page.fill('#ko-rank', '결재선을 정하기 위해');
  await two.page.fill('#en-rank', 'to find who signs');
  await two.press('승인 요청');
  await look(two.page, 'party-change');
  assert.match(await two.text(), /바뀜/);
  const anybody = await person();
  await anybody.page.goto(new URL('/agencies', demo.urls.public).href);
  assert.match(await anybody.page.innerText('main'), /예시행정부[\s\S]*예시특별시/);
  await look(anybody.page, 'public-agencies');
  await anybody.page.goto(new URL('/agencies?lang=en', demo.urls.public).href);
  assert.match(await anybody.page.innerText('main'), /Example Ministry of Administration/);
  await anybody.page.goto(new URL('/relying-parties', demo.urls.public).href);
  assert.match(await anybody.page.innerText('main'), /예시 문서 시스템[\s\S]*문서에 이름을 적기 위해/);
  await look(anybody.page, 'public-parties');
  await anybody.page.goto(new URL('/relying-parties?lang=en', demo.urls.public).href);
  assert.match(await anybody.page.innerText('main'), /Example documents[\s\S]*to write the name on documents/);
  assert.deepEqual(anybody.complaints, []);
  await anybody.context.close();
});

test('five wrong PINs: two HR managers unlock it together', async () => {
  for (let turn = 0; turn < 5; turn += 1) await second('pin', 'check', '--pin', '111223');
  const [one, two] = [people['yesi.insa'], people['yesi.insa2']];
  await one.go('/unlock');
  await look(one.page, 'unlock');
  await one.press('해제 요청 (첫 번째 담당자)');
  assert.match(await one.text(), /다른 인사담당자의 확인/);
  await two.go('/unlock');
  await two.press('확인하고 코드 만들기 (두 번째 담당자)');
  const code = (await two.page.innerText('#unlock-code')).trim();
  await look(two.page, 'unlocked');
  const set = await second('pin', 'unlock', code);
  assert.equal(set.ok, true, JSON.stringify(set));
  assert.equal((await login(second)).ok, true);
});

test('retirement revokes', async () => {
  const hr = people['yesi.insa'];
  await hr.go('/personnel');
  await look(hr.page, 'personnel');
  await hr.page.fill('#agency', holder.agency);
  await hr.page.fill('#number', holder.number);
  await hr.page.selectOption('#status', 'retired');
  await hr.page.fill('#reason', '예시 퇴직');
  await hr.page.locator('form[action="/personnel/change"] button[type=submit]').click();
  await hr.page.waitForLoadState();
  assert.equal(await hr.page.locator('[role=alert]').count(), 0, await hr.text());
  assert.equal((await login(second)).ok, false, 'the badge of somebody retired');
});

test('the statistics agree with the database', async () => {
  // At most a minute old: wait for the next count.
  const auditor = people['yesi.gamsa'];
  const counted = async (word) => Number((await auditor.page.locator(`dt:text-is("${word}") + dd`).first().innerText()).replace(/\D.*$/, ''));
  const path = operator.MAPAE__STORE__URL.replace(/^sqlite:/, '');
  const sql = (statement) => run('python3', ['-c', 'import sqlite3,sys; print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro",uri=True).execute(sys.argv[2]).fetchone()[0])', path, statement]).then(({ stdout }) => Number(stdout));
  const agencies = `WITH RECURSIVE reach(code) AS (SELECT '${holder.agency}' UNION SELECT a.code FROM agency a JOIN reach r ON a.parent_code = r.code) `;
  const applied = await sql(`${agencies} SELECT COUNT(DISTINCT employee_id) FROM application WHERE state <> 'draft' AND agency_code IN (SELECT code FROM reach)`);
  const issued = await sql(`${agencies} SELECT COUNT(DISTINCT employee_id) FROM application WHERE state = 'issued' AND agency_code IN (SELECT code FROM reach)`);
  for (let turn = 0; turn < 70; turn += 1) {
    await auditor.go('/statistics');
    if ((await counted('신청')) === applied && (await counted('발급')) === issued) break;
    await new Promise((done) => setTimeout(done, 1000));
  }
  await look(auditor.page, 'statistics');
  assert.deepEqual([await counted('신청'), await counted('발급')], [applied, issued]);
  const live = await sql("SELECT COUNT(*) FROM badge WHERE state = 'active'");
  assert.ok(live >= 1);
});

test('with an authenticator app set up, the password alone opens nothing, and a code opens once', async () => {
  const auditor = people['yesi.gamsa'];
  await auditor.go('/account');
  await look(auditor.page, 'account');
  await auditor.press('인증 앱 등록');
  await look(auditor.page, 'codes-set-up');
  const secret = (await auditor.page.innerText('#secret')).replace(/\s/g, '');
  await auditor.page.fill('#code', totp(secret));
  await auditor.press('확인하고 등록');
  assert.match(await auditor.text(), /등록됨/);
  const again = await desk('yesi.gamsa');
  assert.match(await again.text(), /6자리 번호/);
  await look(again.page, 'sign-in-code');
  const next = totp(secret, 1);
  await again.page.fill('#code', next === '000000' ? '000001' : '000000');
  await again.press('로그인');
  await again.page.waitForSelector('[role=alert]');
  await again.page.fill('#code', totp(secret, 1));
  await again.press('로그인');
  await again.page.waitForURL(new URL('/', demo.urls.console).href);
  await again.go('/account');
  assert.match(await again.text(), /비밀번호와 인증 앱 번호/);
  assert.deepEqual(again.complaints, []);
  await again.context.close();
});

test('the auditor finds what happened; the operator sees the system', async () => {
  const auditor = people['yesi.gamsa'];
  await auditor.go('/audit-log?act=badge');
  assert.match(await auditor.text(), /badge\.suspended[\s\S]*badge\./);
  await look(auditor.page, 'audit-log');
  const operatorDesk = people['yesi.unyeong'];
  await operatorDesk.go('/system');
  await look(operatorDesk.page, 'system');
  for (const [login, who] of Object.entries(people)) assert.deepEqual(who.complaints, [], login);
});
