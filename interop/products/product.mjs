// What every product's judge shares: the configuration out of the documents, programs in the background, a browser and the phone, and the clock.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { demo, phone } from '../demo.mjs';

export { demo, phone };
export const issuer = demo.urls.public;
/** The certificates that this run's programs trust; products that do not read the environment are told of the file. */
export const authority = process.env.SSL_CERT_FILE;

const run = promisify(execFile);
const operator = { ...process.env, ...demo.operator.environment };
const holder = ['--agency', demo.login.inst_code, '--number', demo.login.employee_number];

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A port that nobody listens on now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Runs `mapae …` as the operator and returns its JSON. */
export async function mapae(...args) {
  const { stdout } = await run(process.env.MAPAE, [...args, '--json'], { env: operator });
  return JSON.parse(stdout);
}

/** Registers a relying party as the documents tell it, and returns its secrets. */
export function register(id, names, ...args) {
  return mapae('relying-party', 'add', '--id', id, '--name-ko', names[0], '--name-en', names[1], ...args);
}

/** Sets how a relying party uses the login, as the documents tell it. */
export const loginClient = (id, ...args) => run(process.env.MAPAE, ['login-client', 'set', id, ...args], { env: operator });

/** Suspends the phone's badge; resolves with the moment when that was done. */
export async function suspend() {
  await mapae('badge', 'suspend', ...holder, '--by', 'yesi.boan', '--reason', 'loss');
  return performance.now();
}

/** Makes the badge good again. */
export const resume = () => mapae('badge', 'resume', ...holder, '--by', 'yesi.boan', '--reason', 'found');

/**
 * The configuration of a product as docs/integrate/products.md shows it: the block that a comment names is written to
 * `folder`, with the addresses and secrets of this run in the place of the examples'.
 */
export function documented(name, folder, values) {
  const text = readFileSync(join(process.env.ROOT, 'docs/integrate/products.md'), 'utf8');
  const found = new RegExp(`<!-- file: ${name.replaceAll('.', '\\.')} -->\\s*\`\`\`\\w*\\n([\\s\\S]*?)\`\`\``).exec(text);
  assert.ok(found, `docs/integrate/products.md shows no ${name}`);
  let block = found[1];
  for (const [example, real] of Object.entries(values)) {
    assert.ok(block.includes(example), `${name} in the documents has no ${example}`);
    block = block.replaceAll(example, real);
  }
  const left = /https?:\/\/[\w.-]+\.example|[A-Z]+_SECRET/.exec(block);
  assert.equal(left, null, `${name}: nothing took the place of ${left?.[0]}`);
  return write(folder, name, block);
}

/** Writes a file below `folder` that the product may read, whatever user it runs as. */
export function write(folder, name, text, mode = 0o644) {
  const file = join(folder, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

/** One product: its folder, its programs and its browser, all gone at the end. */
export class Product {
  #children = [];
  #undo = [];

  constructor(name) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), `mapae-${name}-`));
    chmodSync(this.folder, 0o755);
  }

  /** Starts a program in the background; it has to live until the end. What it says goes into `log`. */
  start(program, args, options = {}) {
    const name = options.log ?? `${program.split('/').at(-1)}.log`;
    const file = join(this.folder, name);
    const log = openSync(file, 'a');
    const child = spawn(program, args, { cwd: this.folder, ...options, stdio: ['ignore', log, log] });
    closeSync(log);
    child.file = file;
    child.once('exit', (code, signal) => { child.ended = `${program} ended (${code ?? signal})`; });
    child.once('error', (error) => { child.ended = `${program}: ${error.message}`; });
    this.#children.push(child);
    return child;
  }

  /** Runs a program to its end and returns what it printed. */
  async run(program, args, options = {}) {
    const { stdout } = await run(program, args, { cwd: this.folder, maxBuffer: 1 << 26, ...options });
    return stdout;
  }

  /** Waits for a program until `ask` says yes; one that ends before is an error, and what it said is told. */
  async waits(child, what, patience, ask) {
    await this.until(what, patience, async () => {
      if (child.ended) throw new Error(child.ended);
      return ask(this.said(child));
    }).catch((error) => { throw new Error(`${error.message}\n${this.said(child)}`); });
  }

  /** Waits until an address answers with a status below `below`. */
  answers(url, child, patience = 60_000, below = 400) {
    return this.waits(child, `${url} answers`, patience, async () => {
      const response = await fetch(url, { redirect: 'manual' }).catch(() => undefined);
      return response !== undefined && response.status < below;
    });
  }

  /** Waits until a program listens on a port of this machine. */
  listens(port, child, patience = 60_000) {
    return this.waits(child, `a program listens on ${port}`, patience, () => new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => { socket.destroy(); resolve(true); });
      socket.once('error', () => resolve(false));
    }));
  }

  /** Asks again and again until the answer is yes; resolves with the milliseconds since `from`. */
  async until(what, patience, ask, from = performance.now(), every = 200) {
    const end = performance.now() + patience;
    while (performance.now() < end) {
      if (await ask()) return Math.round(performance.now() - from);
      await pause(every);
    }
    throw new Error(`${this.name}: not within ${patience} ms: ${what}`);
  }

  /** The end of what a program said. */
  said(child) {
    return readFileSync(child.file, 'utf8').slice(-4000);
  }

  /** Something to do at the end, before the programs are stopped. */
  atEnd(undo) {
    this.#undo.push(undo);
  }

  /** A browser of one person. */
  async person() {
    this.browser ??= await chromium.launch({
      executablePath: process.env.CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...(this.arguments ?? [])],
    });
    const context = await this.browser.newContext({ viewport: { width: 960, height: 600 }, locale: 'ko-KR', timezoneId: 'Asia/Seoul', ignoreHTTPSErrors: true });
    return context.newPage();
  }

  /** Waits until the product shows this address; what it showed instead is told. */
  async reaches(page, url, patience = 60_000) {
    await page.waitForURL(url, { timeout: patience }).catch(async () => {
      throw new Error(`${this.name}: not ${url} but ${page.url()}:\n${await page.innerText('body').catch(() => '')}\n${this.#children.map((child) => this.said(child)).join('\n')}`);
    });
  }

  /** Takes a picture for the documents. */
  async picture(page, name = this.name) {
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `product-${name}.png`) });
  }

  /** Ends everything, the last started first. */
  async end() {
    for (const undo of this.#undo.reverse()) await Promise.resolve(undo()).catch((error) => console.error(error.message));
    await this.browser?.close();
    for (const child of this.#children.reverse()) {
      if (child.ended) continue;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    }
    // KEEP=1 leaves the product's folder with its logs, to look for a cause.
    if (!process.env.KEEP) rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What the login page shows, as the person reads it and the phone's camera sees it. */
export async function loginPage(page) {
  await page.waitForSelector('[data-login] [data-scan]', { timeout: 30_000 }).catch(async () => {
    throw new Error(`no login page, but ${page.url()}:\n${await page.innerText('body').catch(() => '')}`);
  });
  return {
    number: (await page.innerText('.login-digits')).trim(),
    link: await page.getAttribute('[data-scan]', 'data-scan'),
  };
}

/** The person scans the QR on the login page, types its number and approves. */
export async function approve(page) {
  const { link, number } = await loginPage(page);
  return phone('login', link, '--number', number, '--yes');
}

/** Tries a login with the suspended badge; `reached` tells whether the product let the person in all the same. */
export async function refused(page, reached) {
  const { link, number } = await loginPage(page);
  const from = performance.now();
  await assert.rejects(phone('login', link, '--number', number, '--yes'), /suspend|정지|중지/i, 'the phone logged in with a suspended badge');
  const ms = Math.round(performance.now() - from);
  await pause(1_500);
  assert.equal(await reached(), false, 'the product let a suspended badge in');
  return ms;
}

/** One line that the judge prints and the documents show. */
export function tell(product, figures) {
  console.log(`figure ${JSON.stringify({ product, ...figures })}`);
}
