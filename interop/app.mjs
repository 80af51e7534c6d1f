// A phone's browser with the wallet app in it: a virtual authenticator, a fake camera, and what a person would do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { chromiumArguments, demo } from './demo.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screen = { width: 360, height: 740 };

/** A tablet and a desk: the main screens are looked at there, too. */
const wider = [{ width: 768, height: 1024 }, { width: 1440, height: 900 }];
const main = new Set(['install', 'activation', 'card', 'details', 'consent', 'number', 'result', 'history', 'settings', 'security', 'showing', 'meeting', 'meeting-asked', 'pin-again', 'locked', 'suspended', 'wiped', 'unlock', 'camera-denied']);

export const PIN = '482951';

/** Starts a browser; `camera` is a file of raw video. One that is asked says no, as nobody sits before it. */
export function browser(camera, { asks = false } = {}) {
  const args = [...chromiumArguments];
  if (camera) args.push('--use-fake-device-for-media-stream', `--use-file-for-fake-video-capture=${camera}`);
  if (!asks) args.push('--use-fake-ui-for-media-stream');
  return chromium.launch({ executablePath: process.env.CHROMIUM, args });
}

/** JSON from the portal or the console. */
export async function api(base, path, { method = 'POST', body, token } = {}) {
  const response = await fetch(new URL(path, base), {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

let taken = 0;

/** The next invited applicant of the demo. */
export function applicant() {
  const next = demo.standard_wallets[taken];
  taken += 1;
  assert.ok(next, 'the demo prepared too few applicants for this judge');
  return next;
}

/** The activation code that the portal shows. */
export async function activationCode(who) {
  const { token } = await api(demo.urls.public, '/api/v1/portal/session', { body: { login: who.login, password: who.password } });
  return (await api(demo.urls.public, '/api/v1/portal/activation-code', { token })).code;
}

/** Waits until the phone number's message box holds more than `seen` messages; the newest text. */
export async function message(who, seen) {
  for (let turn = 0; turn < 200; turn += 1) {
    const box = await (await fetch(new URL(`/demo/messages.json?to=${who.phone}`, demo.urls.public))).json();
    if (box.length > seen) return { text: box[0].text, count: box.length };
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`no message came to ${who.phone}`);
}

async function command(room, act, who, args) {
  const { stdout } = await promisify(execFile)(process.env.MAPAE, [room, act, '--agency', who.agency, '--number', who.number, '--json', ...args], { env: { ...process.env, ...demo.operator.environment } });
  return JSON.parse(stdout);
}

/** `mapae account …` on the demo's own store, as an operator would. */
export const operate = (act, who, ...args) => command('account', act, who, args);

/** `mapae badge …` likewise. */
export const order = (act, who, ...args) => command('badge', act, who, args);

/** A visitor at the sample relying party, sent to the login page. */
export async function loginPage(browser, query = '') {
  const context = await browser.newContext({ locale: 'ko-KR', timezoneId: 'Asia/Seoul' });
  const page = await context.newPage();
  await page.goto(new URL(`/login${query}`, demo.urls.relying_party).href);
  await page.waitForSelector('[data-qr] svg');
  return {
    page,
    number: (await page.innerText('.login-digits')).trim(),
    link: await page.getAttribute('[data-qr]', 'data-scan'),
    close: () => context.close(),
  };
}

/** A picture of a screen in light and dark, and axe's word on it. */
export async function shot(page, name, prefix = 'wallet') {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${prefix}-${name}-${scheme}.png`) });
    // What lies under the rooms at the bottom is reached by scrolling; at the end nothing does.
    await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight));
    await page.evaluate(`${axe};undefined`);
    const report = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
    const violations = report.violations.map((found) => ({ rule: found.id, help: found.help, nodes: found.nodes.map((node) => node.target.join(' ')) }));
    writeFileSync(join(process.env.SCREENSHOTS, `${prefix}-${name}-${scheme}.axe.json`), JSON.stringify({ violations, passes: report.passes.length }, null, 2));
    assert.deepEqual(violations, [], `${name} (${scheme})`);
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${name} is ${overflow} px too wide`);
}

/** One phone: its own browser profile, one authenticator. */
export class Phone {
  complaints = [];

  static async on(browser, { prf = true, ...options } = {}) {
    const phone = new Phone();
    phone.context = await browser.newContext({ viewport: screen, deviceScaleFactor: 2, hasTouch: true, locale: 'ko-KR', timezoneId: 'Asia/Seoul', permissions: ['clipboard-read', 'clipboard-write', 'notifications'], ...options });
    phone.prf = prf;
    await phone.tab();
    return phone;
  }

  /** A new tab, with the phone's authenticator. */
  async tab() {
    this.page = await this.context.newPage();
    // The token endpoint's first answer is 400 with a fresh DPoP nonce (RFC 9449 §8); the browser logs it as an error.
    const expected = (said) => said.text().includes('status of 400') && new URL(said.location().url).pathname.endsWith('/token');
    this.page.on('console', (said) => said.type() === 'error' && !expected(said) && this.complaints.push(`${said.text()} ${said.location().url}`));
    this.page.on('pageerror', (error) => this.complaints.push(String(error)));
    this.cdp = await this.context.newCDPSession(this.page);
    await this.cdp.send('WebAuthn.enable');
    const { authenticatorId } = await this.cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, hasPrf: this.prf, automaticPresenceSimulation: true },
    });
    this.authenticator = authenticatorId;
  }

  open(path = '/wallet/') {
    return this.page.goto(new URL(path, demo.urls.public).href);
  }

  /** Waits for a screen by its heading. */
  async at(title, patience = 15000) {
    try {
      await this.page.locator('h1', { hasText: title }).first().waitFor({ state: 'attached', timeout: patience });
    } catch {
      const shown = await this.page.locator('body').innerText();
      await this.page.screenshot({ path: join(process.env.SCREENSHOTS, 'wallet-unexpected.png'), fullPage: true });
      throw new Error(`expected the screen “${title}”, but it says:\n${shown}\n${this.complaints.join('\n')}`);
    }
  }

  press(name) {
    return this.page.getByRole('button', { name, exact: false }).first().click();
  }

  async type(digits) {
    for (const digit of digits) await this.page.locator('.pad-key', { hasText: digit }).first().click();
  }

  /** The sentence that tells what went wrong. */
  async told(pattern) {
    const alert = this.page.locator('[role=alert] .notice');
    await alert.waitFor({ timeout: 15000 });
    assert.match(await alert.innerText(), pattern);
  }

  /** Pictures in light and dark, of the main screens in three sizes, and axe's report; any violation of WCAG 2.2 A and AA fails. */
  async look(name) {
    await this.page.waitForTimeout(60);
    if (main.has(name)) {
      for (const size of wider) {
        await this.page.setViewportSize(size);
        await this.see(`${name}-${size.width}`);
      }
      await this.page.setViewportSize(screen);
    }
    await this.see(name);
  }

  see(name) {
    return shot(this.page, name);
  }

  close() {
    return this.context.close();
  }

  /** Starts again; the passkey is asked for by itself. */
  async unlock(title) {
    await this.open();
    await this.at(title, 20000);
  }

  /** To the card, from wherever the app is. */
  async home() {
    if (await this.page.locator('.tabs').count()) await this.page.locator('.tabs button').first().click();
    else if (await this.page.getByRole('button', { name: '공무원증으로' }).count()) await this.press('공무원증으로');
    else await this.unlock('내 공무원증');
    await this.at('내 공무원증');
  }

  /** Pastes a link, as a person would who got it in a message. */
  async link(text, { refused = false } = {}) {
    if (!refused || !(await this.page.locator('#link').count())) {
      await this.home();
      await this.press('QR 촬영');
      await this.press('링크 붙여 넣기');
      await this.at('링크 붙여 넣기');
    }
    await this.page.fill('#link', text);
    await this.press('다음');
  }

  /** Does something that sends a code, and fills the code in. */
  async codeAfter(who, act) {
    const box = await (await fetch(new URL(`/demo/messages.json?to=${who.phone}`, demo.urls.public))).json();
    await act();
    await this.at('휴대전화 확인');
    const code = /(\d{6})/.exec((await message(who, box.length)).text)[1];
    await this.page.fill('#otp', code);
  }

  /** The id of the app's service worker. */
  async worker() {
    let found;
    this.cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      found = registrations.find((one) => one.scopeURL.endsWith('/wallet/'))?.registrationId ?? found;
    });
    await this.cdp.send('ServiceWorker.enable');
    for (let turn = 0; turn < 100 && !found; turn += 1) await this.page.waitForTimeout(50);
    assert.ok(found, 'the service worker is registered');
    return found;
  }

  /** Reads the QR code that is on the screen, with the app's own reader. */
  async code() {
    return this.page.evaluate(async (module) => {
      const reader = (globalThis.reader ??= await (async () => {
        const scan = await import(module.js);
        await scan.default({ module_or_path: module.wasm });
        return scan;
      })());
      const picture = document.querySelector('.showing img');
      await picture.decode();
      const canvas = Object.assign(document.createElement('canvas'), { width: 900, height: 900 });
      const context = canvas.getContext('2d');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, 900, 900);
      context.drawImage(picture, 50, 50, 800, 800);
      return reader.read_rgba(context.getImageData(0, 0, 900, 900).data, 900, 900);
    }, this.reader());
  }

  /** Reads the loop of QR codes off the screen. */
  async collect() {
    const parts = new Map();
    for (let turn = 0; turn < 80; turn += 1) {
      const text = await this.code();
      const found = /^MQ1:([0-9a-f]{8}):(\d{1,2})\/(\d{1,2}):(.*)$/s.exec(text ?? '');
      if (found) {
        const [, id, n, all, part] = found;
        if (!parts.has(id)) parts.set(id, new Map());
        parts.get(id).set(Number(n), part);
        if (parts.get(id).size === Number(all)) return [...parts.get(id)].sort(([a], [b]) => a - b).map(([, each]) => each).join('');
      }
      await this.page.waitForTimeout(150);
    }
    throw new Error('the loop of codes was not complete');
  }

  /** What the app keeps in this browser: names of records and keys. */
  stored() {
    return this.page.evaluate(async () => {
      const db = await new Promise((done) => { indexedDB.open('mapae-wallet').onsuccess = (event) => done(event.target.result); });
      const names = (store) => new Promise((done) => { db.transaction(store).objectStore(store).getAllKeys().onsuccess = (event) => done(event.target.result); });
      const found = { records: await names('records'), keys: await names('keys') };
      db.close();
      return found;
    });
  }

  /** Where the app's QR reader is. */
  reader() {
    const name = (extension) => readdirSync(process.env.WALLET_APP).find((file) => file.startsWith('scan-') && file.endsWith(extension));
    return { js: `/wallet/${name('.js')}`, wasm: `/wallet/${name('.wasm')}` };
  }

  /** What deleting the app deletes: everything but the passkey. */
  async erase() {
    await this.page.goto(new URL('/healthz', demo.urls.public).href);
    await this.cdp.send('Storage.clearDataForOrigin', { origin: new URL(demo.urls.public).origin, storageTypes: 'all' });
  }

  /** From the install address to the card; `look` takes pictures on the way. */
  async setUp(who, { look = false, pin = PIN, until } = {}) {
    const see = (name) => (look ? this.look(name) : undefined);
    const address = new URL(who.install);
    await this.page.goto(address.href);
    await this.at('휴대전화에 공무원증 설치');
    await see('install');
    await this.press('이 브라우저에서 계속');
    await this.at('활성화 코드 입력');
    await see('activation');
    await this.page.fill('#code', await activationCode(who));
    await this.press('다음');
    await this.at('본인확인');
    await this.page.fill('#name', who.name);
    await this.page.fill('#rrn', who.rrn);
    await see('identity');
    const { count } = await message(who, 0);
    await this.press('인증번호 받기');
    await this.at('휴대전화 확인');
    const code = /(\d{6})/.exec((await message(who, count)).text)[1];
    await see('otp');
    if (until === 'otp') return;
    await this.page.fill('#otp', code);
    await this.press('다음');
    await this.at('지문·얼굴 등록');
    await see('passkey');
    await this.press('패스키 만들기');
    await this.at('PIN 정하기');
    if (look) {
      await this.type('121212');
      await this.told(/반복/);
      await see('pin-weak');
    }
    await this.type(pin);
    await this.page.getByText('한 번 더').waitFor();
    await see('pin-again');
    await this.type(pin);
    await this.at('내 공무원증', 30000);
  }
}

/** Writes what a camera would see: the QR of a page's SVG, as raw video (YUV4MPEG2) at 640×480. */
export async function cameraSees(page, selector, file, tilt = 0.06) {
  const grey = await page.evaluate(async ({ selector, tilt }) => {
    const shown = document.querySelector(selector);
    const picture = new Image();
    picture.src = shown instanceof HTMLImageElement
      ? shown.src
      : `data:image/svg+xml;base64,${btoa(unescape(encodeURIComponent(new XMLSerializer().serializeToString(shown.querySelector('svg')))))}`;
    await picture.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 480 });
    const context = canvas.getContext('2d');
    context.fillStyle = '#dcdad2';
    context.fillRect(0, 0, 640, 480);
    context.translate(320, 240);
    context.rotate(tilt);
    context.fillStyle = '#fff';
    context.fillRect(-215, -215, 430, 430);
    context.drawImage(picture, -200, -200, 400, 400);
    const { data } = context.getImageData(0, 0, 640, 480);
    return Array.from({ length: 640 * 480 }, (_, at) => (77 * data[4 * at] + 150 * data[4 * at + 1] + 29 * data[4 * at + 2]) >> 8);
  }, { selector, tilt });
  const frame = Buffer.concat([Buffer.from('FRAME\n'), Buffer.from(grey), Buffer.alloc((640 * 480) / 2, 128)]);
  writeFileSync(file, Buffer.concat([Buffer.from('YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n'), ...Array(10).fill(frame)]));
}
