// Headless Chromium plays the login page: its weight, how soon the QR stands there, a login at 320 px, a device's code, logging out,
// and the official's own list of logins. axe-core looks at each page that others do not show already.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { chromiumArguments, demo, phoneAnswersPage, phoneLogin } from '../demo.mjs';
import { REDIRECT, register } from './registration.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: chromiumArguments });
});

after(async () => browser?.close());

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'ko-KR', ...options });
  return context.newPage();
}

async function look(page, name) {
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${width} px`);
  }
  await page.evaluate(`${axe};undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target).join(' ')}`), [], name);
}

function start(client_id) {
  const url = new URL('/oidc/authorize', demo.urls.public);
  url.search = new URLSearchParams({
    client_id, redirect_uri: REDIRECT, response_type: 'code', scope: 'openid badge', state: 's', nonce: 'n',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256',
  }).toString();
  return url.href;
}

/** Gives the page's browser an authenticator that holds nothing yet. */
async function authenticator(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
}

/** Where the browser was sent to, though nobody listens there. */
function sentBack(page) {
  return page.waitForRequest((request) => request.url().startsWith(REDIRECT)).then((request) => new URL(request.url()));
}

test('the login page weighs less than 60 KB, loads nothing from elsewhere, and shows its QR at once', async () => {
  await register('weighed');
  const page = await open();
  let bytes = 0;
  const origins = new Set();
  page.on('response', async (response) => {
    origins.add(new URL(response.url()).origin);
    bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
  });
  await page.goto(start('weighed'), { waitUntil: 'networkidle' });
  assert.deepEqual([...origins], [new URL(demo.urls.public).origin]);
  assert.ok(bytes < 60_000, `${bytes} bytes`);
  const times = [];
  for (let turn = 0; turn < 21; turn += 1) {
    const begun = performance.now();
    await page.goto(start('weighed'), { waitUntil: 'commit' });
    await page.waitForSelector('[data-qr] svg');
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  console.log(`${bytes} bytes uncompressed; QR after ${times[10].toFixed(0)} ms in the middle of 21, ${times[0].toFixed(0)} at best`);
  assert.ok(times[0] <= 300, `${times[0]} ms at best`);
  await look(page, 'login page');
});

test('a login on a screen of 320 px ends at the relying party', async () => {
  await register('narrow');
  const page = await open({ viewport: { width: 320, height: 640 } });
  await page.goto(start('narrow'));
  const number = (await page.textContent('.login-digits')).trim();
  const scan = await page.getAttribute('[data-qr]', 'data-scan');
  const back = sentBack(page);
  await phoneLogin(scan, number);
  assert.ok((await back).searchParams.get('code'));
});

test('the browser’s own wallet chooser brings the badge, at level high', async () => {
  await register('chooser', { add: ['--level', 'high'] });
  const chooser = await chromium.launch({
    executablePath: process.env.CHROMIUM, args: [...chromiumArguments, '--enable-features=WebIdentityDigitalCredentials'],
  });
  try {
    const page = await (await chooser.newContext({ viewport: { width: 360, height: 740 }, locale: 'ko-KR' })).newPage();
    const devtools = await page.context().newCDPSession(page);
    const origin = new URL(demo.urls.public).origin;
    const wallet = (action, more = {}) => devtools.send('DigitalCredentials.setVirtualWalletBehavior', { action, ...more });
    // Chromium's virtual wallet hands back what it is given: our own phone makes it from the request that the page is about to use.
    let from = origin;
    await page.route('**/login/handed', async (route) => {
      const response = await route.fetch();
      const { requests } = await response.json();
      assert.deepEqual(requests.map((request) => request.protocol), ['openid4vp-v1-signed']);
      const said = await phoneAnswersPage(requests, from);
      if (said.credential) await wallet('respond', { protocol: said.credential.protocol, response: said.credential.data });
      else {
        assert.equal(said.error.code, 'request_origin');
        await wallet('decline');
      }
      return route.fulfill({ response });
    });
    await page.goto(start('chooser'));
    await page.locator('[data-browser]').waitFor({ timeout: 5000 });
    await look(page, 'login page with the browser’s own way');
    await page.setViewportSize({ width: 360, height: 740 });
    if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/login-browser.png`, fullPage: true });

    // A page elsewhere that took the request along gets nothing, and this page says so and offers the button again.
    from = 'https://evil.example';
    await page.locator('[data-browser]').click();
    await page.getByText('브라우저에서 공무원증을 받지 못했습니다').waitFor({ timeout: 10000 });
    from = origin;
    const back = sentBack(page);
    await page.locator('[data-browser]').click();
    assert.ok((await back).searchParams.get('code'));
  } finally {
    await chooser.close();
  }
});

test('the code of a device is typed, and the page says that the device goes on', async () => {
  await register('terminal', { add: ['--public'], set: ['--device'] });
  const begun = await (await fetch(new URL('/oidc/device', demo.urls.public), {
    method: 'POST', body: new URLSearchParams({ client_id: 'terminal', scope: 'openid badge' }),
  })).json();
  const page = await open();
  await page.goto(begun.verification_uri);
  await look(page, 'device page');
  await page.fill('#user_code', 'BBBB-BBBB');
  await page.click('main button');
  assert.match(await page.textContent('[role=alert]'), /찾지 못했습니다/);
  await look(page, 'device page with a wrong code');
  await page.fill('#user_code', begun.user_code.toLowerCase());
  await page.click('main button');
  assert.ok((await page.textContent('.login-origin')).includes(begun.user_code));
  await look(page, 'login page of a device');
  await phoneLogin(await page.getAttribute('[data-qr]', 'data-scan'), (await page.textContent('.login-digits')).trim());
  await page.waitForSelector('[data-state=device_done]:not([hidden])');
});

test('a browser enrolled in the office by its passkey begins a login elsewhere, and only there its QR appears', async () => {
  await register('guarded', { add: ['--level', 'high'] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'ko-KR' });
  const page = await context.newPage();
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await authenticator(page);
  await page.goto(new URL('/portal/sign-in', demo.urls.public).href);
  await page.fill('#login', 'yesi.gong');
  await page.fill('#password', demo.accounts[0].password);
  await page.click('form button[type=submit].primary');
  await page.waitForLoadState();
  await context.setExtraHTTPHeaders({ 'x-forwarded-for': '203.0.113.9' });
  await page.goto(new URL('/portal/browsers', demo.urls.public).href);
  assert.equal(await page.locator('[data-enrol]').count(), 0, 'nothing is enrolled outside of the office');
  await look(page, 'my browsers, elsewhere');
  await context.setExtraHTTPHeaders({});
  await page.goto(new URL('/portal/browsers', demo.urls.public).href);
  await look(page, 'my browsers, in the office');
  await page.fill('#name', '예시 노트북');
  await page.click('[data-enrol] button');
  await page.waitForSelector('tbody th');
  assert.match(await page.innerText('main'), /예시 노트북[\s\S]*예시청사/);
  await look(page, 'my browsers');
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/login-my-browsers.png`, fullPage: true });

  await context.setExtraHTTPHeaders({ 'x-forwarded-for': '203.0.113.9' });
  await page.goto(start('guarded'));
  assert.equal(await page.locator('[data-qr]').count(), 0, 'no QR outside');
  await look(page, 'login page without a QR');
  await page.getByRole('link', { name: '등록한 브라우저로 시작' }).click();
  await page.waitForSelector('[data-begin]');
  await look(page, 'begin in an enrolled browser');
  if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/login-enrolled-browser.png`, fullPage: true });
  await page.click('[data-begin] button');
  await page.waitForSelector('[data-qr] svg');
  const [number, scan] = [(await page.innerText('.login-digits')).trim(), await page.getAttribute('[data-qr]', 'data-scan')];
  const back = sentBack(page);
  await phoneLogin(scan, number);
  assert.ok((await back).searchParams.get('code'));

  const stranger = await open({ extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.10' } });
  // It has an authenticator, and no passkey of ours in it.
  await authenticator(stranger);
  await stranger.goto(start('guarded'));
  await stranger.getByRole('link', { name: '등록한 브라우저로 시작' }).click();
  await stranger.click('[data-begin] button');
  await stranger.waitForFunction(() => document.querySelector('[data-said]').textContent !== '');
  assert.equal(await stranger.locator('[data-qr]').count(), 0, 'a browser without that passkey gets no QR');
  assert.deepEqual(complaints, []);
  await stranger.context().close();
  await context.close();
});

test('logging out without an ID token asks, and officials see and end their own logins', async () => {
  const page = await open();
  await page.goto(new URL('/oidc/logout', demo.urls.public).href);
  await look(page, 'logout page');
  await page.goto(new URL('/portal/sign-in', demo.urls.public).href);
  await page.fill('#login', 'yesi.gong');
  await page.fill('#password', demo.accounts[0].password);
  await page.click('form button[type=submit].primary');
  await page.waitForLoadState();
  await page.goto(new URL('/portal/logins', demo.urls.public).href);
  await look(page, 'my logins');
});
