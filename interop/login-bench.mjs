// How soon a browser shows the QR of a login: from the authorization request to the painted code, in headless Chromium. One JSON object
// on standard output, in microseconds as the figures beside it.
import { chromium } from 'playwright-core';
import { chromiumArguments, demo } from './demo.mjs';

const WARM_UP = 3;
const RUNS = 30;

const begun = await fetch(new URL('/login', demo.urls.relying_party), { redirect: 'manual' });
const authorize = begun.headers.get('location');
if (!authorize) throw new Error(`the relying party began no login: ${begun.status}`);

/** In the page: when the QR was painted, in milliseconds after the navigation began. */
const watch = () => {
  const seen = () => {
    if (globalThis.qrAt !== undefined || !document.querySelector('[data-qr] svg')) return;
    globalThis.qrAt = null;
    requestAnimationFrame(() => setTimeout(() => { globalThis.qrAt = performance.now(); }));
  };
  new MutationObserver(seen).observe(document, { childList: true, subtree: true });
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: chromiumArguments });
try {
  const times = [];
  for (let run = 0; run < WARM_UP + RUNS; run += 1) {
    // A browser that never was here: nothing is in its cache.
    const context = await browser.newContext({ locale: 'ko-KR' });
    const page = await context.newPage();
    await page.addInitScript(watch);
    await page.goto(authorize, { waitUntil: 'commit' });
    await page.waitForFunction(() => typeof globalThis.qrAt === 'number');
    if (run >= WARM_UP) times.push(await page.evaluate(() => globalThis.qrAt * 1000));
    await context.close();
  }
  times.sort((a, b) => a - b);
  const at = (percent) => Math.round(times[Math.min(times.length - 1, Math.floor((times.length * percent) / 100))]);
  const figure = { per_second: null, p50_us: at(50), p95_us: at(95), p99_us: at(99), raw_us: null, ratio: null, runs: times.length };
  process.stdout.write(`${JSON.stringify({ login_qr_shown: figure })}\n`);
} finally {
  await browser.close();
}
