// A gate before people: the display at the door and the console's gates, in headless Chromium.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { chromiumArguments, demo } from './demo.mjs';

const run = promisify(execFile);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const sizes = { wide: { width: 1440, height: 900 }, tablet: { width: 768, height: 1024 }, phone: { width: 360, height: 740 } };
const { GATE_LINE, GATE_DISPLAY, GATE_DOOR } = process.env;
const display = `http://${GATE_DISPLAY}`;
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: chromiumArguments });
});
after(() => browser?.close());

async function opened() {
  const context = await browser.newContext({ viewport: sizes.wide, locale: 'ko-KR', timezoneId: 'Asia/Seoul' });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (said) => said.type() === 'error' && !/status of 4(04|22)|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE/.test(said.text()) && complaints.push(said.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return { page, complaints };
}

/** A picture in each size, nothing too wide, and no violation of WCAG 2.2 A and AA. */
async function look(page, name) {
  await page.evaluate(`${axe};undefined`);
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `gate-${name}-${size}.png`), fullPage: size === 'phone' });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${viewport.width} px`);
    const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
    assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target).join(' ')}`), [], `${name} ${size}`);
  }
  await page.setViewportSize(sizes.wide);
}

/** Says lines to the controller as a reader at the door does; the last answer. */
function tell(...lines) {
  return new Promise((done, failed) => {
    const socket = connect(Number(GATE_LINE.split(':')[1]), GATE_LINE.split(':')[0]);
    let heard = '';
    socket.setTimeout(10000, () => failed(new Error('the controller says nothing')));
    socket.on('error', failed);
    socket.on('data', (data) => {
      heard += data;
      const answers = heard.split('\n').filter(Boolean);
      if (answers.length <= lines.length) return;
      socket.destroy();
      done(answers.at(-1));
    });
    socket.write([`door ${GATE_DOOR}`, ...lines].map((line) => `${line}\n`).join(''));
  });
}

async function entryCode() {
  const { stdout } = await run(process.env.MAPAE, ['wallet', ...demo.phone.arguments, 'entry-code'], { env: { ...process.env, ...demo.phone.environment } });
  return /MG1:[\w-]+/.exec(stdout)[0];
}

const state = (page, wanted) => page.waitForSelector(`body[data-state="${wanted}"]`, { timeout: 15000 });

test('the display shows the decision, its reason and how old the knowledge is', async () => {
  const { page, complaints } = await opened();
  await page.goto(display);
  await page.getByRole('link', { name: '예시 정문' }).waitFor();
  await look(page, 'doors');
  await page.getByRole('link', { name: '예시 정문' }).click();
  await state(page, 'waiting');
  assert.match(await page.innerText('#age'), /서버 정보 \d+초 전 \(최신\)/);
  await look(page, 'waiting');

  const said = JSON.parse(await tell(`code ${await entryCode()}`));
  assert.equal(said.opened, true, JSON.stringify(said));
  await state(page, 'opened');
  assert.equal(await page.innerText('#ko'), said.ko);
  assert.equal(await page.innerText('#lock'), '문 열림 · Unlocked');
  const shown = await page.innerText('body');
  assert.ok(!shown.includes(demo.holder.name ?? '\u0000'), 'no name stands on a display');
  await look(page, 'opened');

  await tell('code MG1:AAAA');
  await state(page, 'refused');
  assert.match(await page.innerText('#ko'), /확인하지 못했습니다/);
  await look(page, 'refused');
  await tell('leaf open', 'leaf shut');
  await state(page, 'waiting');
  await tell('leaf open');
  await state(page, 'alarm');
  assert.match(await page.innerText('#ko'), /허가 없이 문이 열렸습니다/);
  await tell('leaf shut', 'fire on');
  await state(page, 'opened');
  assert.match(await page.innerText('#ko'), /화재 경보/);
  await tell('fire off');
  await state(page, 'waiting');

  assert.deepEqual(complaints, []);
});

test('the console shows who may enter and why, gives and takes back', async () => {
  const { page, complaints } = await opened();
  const at = (path) => new URL(path, demo.urls.console).href;
  await page.goto(at('/sign-in'));
  await page.fill('#login', 'yesi.boan');
  await page.fill('#password', demo.accounts[0].password);
  await page.click('form button[type=submit].primary');
  await page.waitForLoadState();
  await page.goto(at('/gates'));
  await page.getByRole('heading', { name: '최근 통행' }).waitFor();
  assert.match(await page.innerText('main'), /예시 정문/);
  await page.locator('details').first().evaluate((fold) => { fold.open = true; });
  await look(page, 'console');

  const ask = async () => {
    await page.fill('#ask-agency', demo.holder.agency);
    await page.fill('#ask-number', demo.holder.number);
    await page.getByRole('button', { name: '확인' }).click();
    await page.waitForLoadState();
    return page.innerText('.notice');
  };
  assert.match(await ask(), /열립니다/);
  await look(page, 'explained');

  await page.locator('summary', { hasText: 'CSV' }).click();
  await page.fill('#lines', `hall,agency,${demo.holder.agency},,2026-01-01T09:00,2026-01-02T09:00\nnowhere,agency,${demo.holder.agency}`);
  await page.getByRole('button', { name: '모두 적용' }).click();
  await page.waitForLoadState();
  assert.match(await page.innerText('[role=alert]'), /2번째 줄/);
  await look(page, 'line');

  await page.goto(at('/gates'));
  const before = await page.getByRole('button', { name: /^회수/ }).count();
  await page.locator('summary', { hasText: '허가 주기' }).click();
  await page.selectOption('#kind', 'person');
  await page.fill('#agency', demo.holder.agency);
  await page.fill('#number', demo.holder.number);
  await page.fill('#until', '2099-12-01T18:00');
  await page.selectOption('#escort', 'needed');
  await page.getByRole('button', { name: '허가 주기' }).click();
  await page.waitForLoadState();
  assert.equal(await page.getByRole('button', { name: /^회수/ }).count(), before + 1);
  await page.getByRole('button', { name: /^회수/ }).first().click();
  await page.waitForLoadState();
  assert.equal(await page.getByRole('button', { name: /^회수/ }).count(), before);
  assert.deepEqual(complaints, []);
});
