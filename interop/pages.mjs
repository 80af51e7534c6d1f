// Headless Chromium walks the pages as three officials, an applicant and a relying party's visitor would; axe-core looks at each page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { chromiumArguments, demo, phoneLogin } from './demo.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const password = demo.accounts[0].password;
const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 360, height: 740 } };
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: chromiumArguments,
  });
});

after(async () => browser?.close());

/** One person's browser; whatever its console says in error fails the test that closes it. */
async function person(options = {}) {
  const context = await browser.newContext({ viewport: sizes.wide, locale: 'ko-KR', timezoneId: 'Asia/Seoul', ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { context, page, complaints };
}

/** Takes the picture in both sizes and asks axe; fails on any violation of WCAG 2.2 A and AA. */
async function look(page, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}-${size}.png`), fullPage: size === 'phone' });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${viewport.width} px`);
  }
  await page.setViewportSize(sizes.wide);
  // evaluate() works beside the page's own script policy, so the policy stays as strict as for everybody.
  await page.evaluate(`${axe};undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target).join(' ')}`), [], name);
}

async function signIn(page, base, path, login) {
  await page.goto(new URL(path, base).href);
  await page.fill('#login', login);
  await page.fill('#password', password);
  await page.click('form button[type=submit].primary');
  await page.waitForLoadState();
}

test('application, three approvals, message box and activation code', async () => {
  const applicant = await person();
  await applicant.page.goto(new URL('/portal/sign-in', demo.urls.public).href);
  await look(applicant.page, 'portal-sign-in');
  await signIn(applicant.page, demo.urls.public, '/portal/sign-in', 'yesi.gong2');
  await look(applicant.page, 'portal-empty');
  await applicant.page.goto(new URL('/portal/apply', demo.urls.public).href);
  await applicant.page.check('input[name=kind][value=first]');
  await applicant.page.fill('#note', '예시 신청입니다.');
  await look(applicant.page, 'portal-apply');
  await applicant.page.click('button.primary:has-text("신청")');
  await applicant.page.waitForURL('**/portal');
  await look(applicant.page, 'portal-timeline');

  for (const [login, name] of [['yesi.bujang', 'head-approval'], ['yesi.insa', 'identity-check'], ['yesi.insa2', 'issue-approval']]) {
    const desk = await person();
    if (login === 'yesi.bujang') {
      await desk.page.goto(new URL('/sign-in', demo.urls.console).href);
      await look(desk.page, 'console-sign-in');
    }
    await signIn(desk.page, demo.urls.console, '/sign-in', login);
    await look(desk.page, `console-queue-${name}`);
    await desk.page.click('tbody tr:last-child th a');
    await look(desk.page, `console-${name}`);
    await desk.page.click('button[name=decision][value=approve]');
    await desk.page.waitForLoadState();
    assert.equal(await desk.page.locator('[role=alert]').count(), 0, `${login} was refused: ${await desk.page.locator('main').innerText()}`);
    assert.deepEqual(desk.complaints, [], login);
    await desk.context.close();
  }

  const box = await person();
  await box.page.goto(new URL('/demo/messages', demo.urls.public).href);
  await look(box.page, 'message-box');
  await box.context.close();

  await applicant.page.goto(new URL('/portal', demo.urls.public).href);
  await applicant.page.click('form[action="/portal/activation-code"] button');
  await applicant.page.waitForLoadState();
  assert.match((await applicant.page.innerText('#activation-code')).replace(/\s/g, ''), /^\d{8}$/);
  await look(applicant.page, 'activation-code');
  assert.deepEqual(applicant.complaints, []);
  await applicant.context.close();
});

test('an official of an excluded agency reads why', async () => {
  const { page, context } = await person();
  await signIn(page, demo.urls.public, '/portal/sign-in', 'yesi.jeoe');
  await page.goto(new URL('/portal/apply', demo.urls.public).href);
  assert.match(await page.innerText('main'), /별도의 신분증/);
  await look(page, 'portal-excluded');
  await context.close();
});

test('personnel changes by hand, and how messages stand', async () => {
  const desk = await person();
  await signIn(desk.page, demo.urls.console, '/sign-in', 'yesi.insa');
  await desk.page.goto(new URL('/personnel', demo.urls.console).href);
  await look(desk.page, 'console-personnel');
  for (const status of ['leave', 'serving']) {
    await desk.page.fill('#agency', '9000001');
    await desk.page.fill('#number', 'EX00000385');
    await desk.page.selectOption('#status', status);
    await desk.page.fill('#reason', '예시 사유');
    await desk.page.click('form[action="/personnel/change"] button');
    await desk.page.waitForSelector('[role=status]');
    assert.match(await desk.page.innerText('[role=status]'), /반영했습니다/);
  }
  await look(desk.page, 'console-personnel-changed');
  assert.deepEqual(desk.complaints, []);
  await desk.context.close();
  const operator = await person();
  await signIn(operator.page, demo.urls.console, '/sign-in', 'yesi.unyeong');
  await operator.page.goto(new URL('/messages', demo.urls.console).href);
  assert.match(await operator.page.innerText('main'), /demo/);
  await look(operator.page, 'console-messages');
  assert.deepEqual(operator.complaints, []);
  await operator.context.close();
});

test('nothing is lost without JavaScript, and English is complete', async () => {
  const { page, context } = await person({ javaScriptEnabled: false, locale: 'en-GB' });
  await signIn(page, demo.urls.public, '/portal/sign-in', 'yesi.gong2');
  const text = await page.innerText('main');
  assert.match(text, /Application|Applied|approved/i);
  await page.screenshot({ path: join(process.env.SCREENSHOTS, 'portal-timeline-english.png') });
  await context.close();
});

test('the login page shows QR and number, and follows the phone back to the relying party', async () => {
  const visitor = await person();
  await visitor.page.goto(demo.urls.relying_party);
  await look(visitor.page, 'relying-party');
  await visitor.page.goto(new URL('/login', demo.urls.relying_party).href);
  await visitor.page.waitForSelector('[data-qr] svg');
  await look(visitor.page, 'login');
  const number = (await visitor.page.innerText('.login-digits')).trim();
  const link = await visitor.page.getAttribute('[data-qr]', 'data-scan');
  await phoneLogin(link, number);
  await visitor.page.waitForURL(new URL('/', demo.urls.relying_party).href, { timeout: 15000 });
  assert.match(await visitor.page.innerText('main'), /예시/);
  await look(visitor.page, 'relying-party-logged-in');
  assert.deepEqual(visitor.complaints, []);
  await visitor.context.close();
});

test('the QR is redrawn, and a wrong number ends the login in words', async () => {
  const visitor = await person();
  await visitor.page.goto(new URL('/login', demo.urls.relying_party).href);
  const first = await visitor.page.getAttribute('[data-qr]', 'data-scan');
  await visitor.page.waitForFunction((before) => document.querySelector('[data-qr]').dataset.scan !== before, first, { timeout: 15000 });
  const number = Number((await visitor.page.innerText('.login-digits')).trim());
  const link = await visitor.page.getAttribute('[data-qr]', 'data-scan');
  await phoneLogin(link, String((number + 1) % 100).padStart(2, '0'), { mayFail: true });
  await visitor.page.waitForSelector('[data-state]:not([hidden])', { timeout: 15000 });
  await look(visitor.page, 'login-wrong-number');
  await visitor.context.close();
});

test('dark and large', async () => {
  const { page, context } = await person({ colorScheme: 'dark', viewport: sizes.phone, deviceScaleFactor: 2 });
  await page.goto(new URL('/login', demo.urls.relying_party).href);
  await page.screenshot({ path: join(process.env.SCREENSHOTS, 'login-dark-phone.png') });
  await context.close();
});
