// How heavy the wallet app is and how fast on a slow phone: headless Chromium with its CPU throttled four times. One JSON object on standard output.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PIN, Phone, applicant, browser, loginPage } from './app.mjs';

const runs = Number(process.env.RUNS);
const THROTTLE = 4;

/** What a browser downloads of a file of the app. */
function bytes(prefix, extension) {
  const name = readdirSync(process.env.WALLET_APP).find((file) => file.startsWith(prefix) && file.endsWith(`${extension}.gz`));
  if (!name) throw new Error(`the wallet app has no ${prefix}*${extension}.gz`);
  return readFileSync(join(process.env.WALLET_APP, name)).length;
}

const sorted = (times) => times.toSorted((a, b) => a - b);
const figure = (times) => ({ min_ms: sorted(times)[0], p50_ms: sorted(times)[Math.floor(times.length / 2)], max_ms: sorted(times).at(-1), runs: times.length });

/** The page's own clock: when the card stood in the page and was painted, in milliseconds after the navigation began. */
const watch = () => {
  const seen = () => {
    if (!document.querySelector('.face') || globalThis.cardAt) return;
    globalThis.cardAt = true;
    requestAnimationFrame(() => setTimeout(() => { globalThis.cardAt = performance.now(); }));
  };
  new MutationObserver(seen).observe(document, { childList: true, subtree: true });
};

/** Milliseconds from `act` until `done`, without those in which a request was under way. */
async function withoutServer(page, act, done) {
  await page.evaluate(() => performance.clearResourceTimings());
  const begun = await page.evaluate(() => performance.now());
  await act();
  await done();
  return page.evaluate((begun) => {
    const ended = performance.now();
    const spans = performance.getEntriesByType('resource').map((entry) => [entry.startTime, entry.responseEnd]).sort(([a], [b]) => a - b);
    let waited = 0;
    let until = begun;
    for (const [from, to] of spans) {
      waited += Math.max(0, to - Math.max(from, until));
      until = Math.max(until, to);
    }
    return { all: ended - begun, without: ended - begun - waited, requests: spans.length };
  }, begun);
}

/** Seconds of work of the page's main thread so far: script, style, layout, painting. */
async function worked(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  return metrics.find((metric) => metric.name === 'TaskDuration').value * 1000;
}

/** A digit is pressed in the page itself, so that the tool's own way there is not measured. */
const press = (page, digit) => page.evaluate((digit) => [...document.querySelectorAll('.pad-key')].find((key) => key.textContent.trim() === digit).click(), digit);

const first = { wasm: bytes('app-', '.wasm'), script: bytes('app-', '.js') };
const report = {
  wallet_first_screen: { bytes: first.wasm + first.script, wasm_bytes: first.wasm, script_bytes: first.script },
  wallet_whole: { bytes: first.wasm + first.script + bytes('rest-', '.wasm'), style_bytes: bytes('app-', '.css') },
};

const folder = mkdtempSync(join(tmpdir(), 'mapae-bench-'));
process.env.SCREENSHOTS ??= folder;
const chromium = await browser();
try {
  const phone = await Phone.on(chromium);
  await phone.context.addInitScript(watch);
  await phone.setUp(applicant());
  const { page, cdp } = phone;
  await cdp.send('Performance.enable');
  // The service worker is there and keeps the files, as on a phone that was set up.
  await phone.worker();
  await phone.unlock('내 공무원증');
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: THROTTLE });

  const starts = [];
  for (let turn = 0; turn < runs; turn += 1) {
    await page.goto('about:blank');
    await phone.open();
    await page.waitForFunction(() => typeof globalThis.cardAt === 'number');
    starts.push(await page.evaluate(() => globalThis.cardAt));
    await page.waitForLoadState('networkidle');
  }
  report.wallet_start_to_card = figure(starts);

  const unlocks = [];
  for (let turn = 0; turn < runs; turn += 1) {
    await phone.home();
    await phone.press('설정');
    await phone.press('PIN 바꾸기');
    await phone.at('PIN 바꾸기');
    for (const digit of PIN.slice(0, -1)) await press(page, digit);
    const asked = await withoutServer(page, () => press(page, PIN.at(-1)), () => page.waitForFunction(() => [...document.querySelectorAll('h1')].some((title) => title.textContent.includes('PIN 정하기')), undefined, { polling: 'mutation' }));
    unlocks.push(asked.without);
    await phone.unlock('내 공무원증');
  }
  report.wallet_pin_check = figure(unlocks);

  const presented = [];
  for (let turn = 0; turn < runs; turn += 1) {
    const site = await loginPage(chromium);
    await phone.home();
    await phone.press('QR 촬영');
    await phone.press('링크 붙여 넣기');
    await phone.at('링크 붙여 넣기');
    await page.fill('#link', site.link);
    const before = await worked(cdp);
    await phone.press('다음');
    await phone.at(/로그인$/);
    await phone.press('동의하고 계속');
    await phone.at('번호 확인');
    for (const digit of site.number) await press(page, digit);
    await phone.at('로그인했습니다');
    presented.push(await worked(cdp) - before);
    await site.close();
  }
  report.wallet_present_cpu = figure(presented);
  await phone.close();
} finally {
  await chromium.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify({ ...report, conditions: { cpu_throttle: THROTTLE, runs, page_gzip_bytes: gzipSync(readFileSync(join(process.env.WALLET_APP, 'index.html'))).length } }));
