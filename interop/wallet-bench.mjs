// How heavy the wallet app is and how fast on a slow phone: headless Chromium with its CPU throttled four times. One JSON object on standard output.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
const rounded = (milliseconds) => Math.round(milliseconds * 10) / 10;
const figure = (times) => ({ min_ms: rounded(sorted(times)[0]), p50_ms: rounded(sorted(times)[Math.floor(times.length / 2)]), max_ms: rounded(sorted(times).at(-1)), runs: times.length });

/** In the page: `cardAt`, when the card was painted, in milliseconds after the navigation began; `act`, a press and when its screen stood there. */
const watch = () => {
  const seen = () => {
    if (!document.querySelector('.face') || globalThis.cardAt) return;
    globalThis.cardAt = true;
    requestAnimationFrame(() => setTimeout(() => { globalThis.cardAt = performance.now(); }));
  };
  new MutationObserver(seen).observe(document, { childList: true, subtree: true });
  globalThis.act = async (selector, text, title) => {
    const begun = performance.now();
    const ended = await new Promise((done) => {
      const observer = new MutationObserver(() => {
        if (![...document.querySelectorAll('h1')].some((heading) => heading.textContent.includes(title))) return;
        observer.disconnect();
        done(performance.now());
      });
      observer.observe(document.body, { childList: true, subtree: true });
      [...document.querySelectorAll(selector)].find((found) => found.textContent.trim().startsWith(text)).click();
    });
    // Painted as well; and the browser notes a request a moment after its answer was read.
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 300)));
    return { begun, ended };
  };
};

/** Presses what `text` stands on, without a tool that looks on meanwhile, until the screen `title` stands there. */
const act = (page, selector, text, title) => page.evaluate(([selector, text, title]) => globalThis.act(selector, text, title), [selector, text, title]);

/** The same in milliseconds, without those in which a request was under way. */
async function withoutServer(page, ...press) {
  await page.evaluate(() => performance.clearResourceTimings());
  const { begun, ended } = await act(page, ...press);
  const spans = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => [entry.startTime, entry.responseEnd]));
  const within = spans.filter(([from, to]) => from >= begun && to <= ended).sort(([a], [b]) => a - b);
  if (within.length === 0) throw new Error('no request was seen: nothing was asked of the server');
  let waited = 0;
  let until = begun;
  for (const [from, to] of within) {
    waited += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return ended - begun - waited;
}

/** CPU milliseconds of the page's main thread so far: of script (WASM and JavaScript), and of everything (style, layout, painting as well). */
async function worked(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics');
  const of = (name) => metrics.find((metric) => metric.name === name).value * 1000;
  return { script: of('ScriptDuration'), all: of('TaskDuration') };
}

/** The same in CPU milliseconds of the main thread. */
async function cpu(page, cdp, ...press) {
  const before = await worked(cdp);
  await act(page, ...press);
  const after = await worked(cdp);
  return { script: after.script - before.script, all: after.all - before.all };
}

/** How the script's part spreads, and the median of everything. */
const cpuFigure = (spent) => ({ ...figure(spent.map(({ script }) => script)), all_p50_ms: figure(spent.map(({ all }) => all)).p50_ms });

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
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' });
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
    await phone.type(PIN.slice(0, -1));
    unlocks.push(await withoutServer(page, '.pad-key', PIN.at(-1), 'PIN 정하기'));
    await phone.unlock('내 공무원증');
  }
  report.wallet_pin_check = figure(unlocks);

  const [asked, answered] = [[], []];
  for (let turn = 0; turn < runs; turn += 1) {
    const site = await loginPage(chromium);
    await phone.home();
    await phone.press('QR 촬영');
    await phone.press('링크 붙여 넣기');
    await phone.at('링크 붙여 넣기');
    await page.fill('#link', site.link);
    asked.push(await cpu(page, cdp, '.button.primary', '다음', '로그인'));
    await phone.press('동의하고 계속');
    await phone.at('번호 확인');
    await phone.type(site.number[0]);
    answered.push(await cpu(page, cdp, '.pad-key', site.number[1], '로그인했습니다'));
    await site.close();
  }
  report.wallet_asked_cpu = cpuFigure(asked);
  report.wallet_present_cpu = cpuFigure(answered);
  await phone.close();
} finally {
  await chromium.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(JSON.stringify({ ...report, conditions: { cpu_throttle: THROTTLE } }));
