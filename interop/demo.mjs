// What the judges share: the running demo's description, a browser without a screen, and the phone in the terminal.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** What `mapae demo --json` printed: addresses, accounts, the relying party, the phone that holds a badge. */
export const demo = JSON.parse(readFileSync(process.env.MAPAE_DEMO, 'utf8'));

/** How Chromium is started; it takes the certificate of the demo's server as one that it knows. */
export const chromiumArguments = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ...(process.env.CHROMIUM_TRUSTS ? [`--ignore-certificate-errors-spki-list=${process.env.CHROMIUM_TRUSTS}`] : []),
];

const run = promisify(execFile);

/** Runs `mapae wallet …` on the demo's phone and returns its JSON. */
export async function phone(...args) {
  const { stdout } = await run(process.env.MAPAE, ['wallet', ...demo.phone.arguments, '--json', ...args], {
    env: { ...process.env, ...demo.phone.environment },
  });
  return JSON.parse(stdout);
}

/** The phone scans a login QR; the person reads the number off the browser's screen. */
export async function phoneLogin(link, number, { mayFail = false } = {}) {
  try {
    return await phone('login', link, '--number', number, '--yes');
  } catch (error) {
    if (mayFail) return undefined;
    throw error;
  }
}

/** What a browser hands to a wallet from a page of `origin`, and what the wallet, played by the terminal phone, gives back. */
export async function phoneAnswersPage(requests, origin, ...more) {
  const child = spawn(process.env.MAPAE, ['wallet', ...demo.phone.arguments, '--json', 'page', '--origin', origin, '--yes', ...more], {
    env: { ...process.env, ...demo.phone.environment }, stdio: ['pipe', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (piece) => { out += piece; });
  child.stdin.end(JSON.stringify(requests));
  await once(child, 'close');
  return JSON.parse(out);
}

/** A browser without a screen: cookies, redirects by hand, and the login page read as a person would. */
export class Browser {
  #cookies = new Map();

  async get(url, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', ...options, headers: { accept: 'text/html', ...options.headers, ...(cookie ? { cookie } : {}) } });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** Opens the authorization URL (or posts to a page that leads there) and reads number, QR content and what the page needs to follow the phone. */
  async loginPage(url, options) {
    const response = await this.get(url, options);
    assert.equal(response.status, 200, `the login page answered ${response.status}: ${await response.clone().text()}`);
    const html = await response.text();
    const attribute = (name) => {
      const found = new RegExp(`${name}="([^"]*)"`).exec(html);
      assert.ok(found, `the login page has no ${name}`);
      return found[1].replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#38;', '&').replaceAll('&#34;', '"');
    };
    const number = /login-digits">\s*(\d\d)\s*</.exec(html);
    assert.ok(number, 'the login page shows a number of two digits');
    return { number: number[1], link: attribute('data-scan'), login: attribute('data-login'), draw: Number(attribute('data-draw')) };
  }

  /** Follows the page until it sends the browser back; resolves with the callback URL. */
  async returned(page, patience = 15000) {
    const until = Date.now() + patience;
    while (Date.now() < until) {
      const response = await this.get(new URL('/login/poll', demo.urls.public), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ login: page.login, draw: page.draw }),
      });
      const body = await response.json();
      if (body.next) return this.#back(new URL(body.next, demo.urls.public));
      if (body.state !== 'waiting') throw new Error(`the login ended: ${JSON.stringify(body)}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    throw new Error('the browser was not sent back');
  }

  async #back(url) {
    for (let hop = 0; hop < 5; hop += 1) {
      if (url.searchParams.has('code') || url.searchParams.has('error')) return url;
      const response = await this.get(url);
      const location = response.headers.get('location');
      assert.ok(location, `no redirect from ${url.pathname}: ${response.status}`);
      url = new URL(location, url);
    }
    throw new Error('too many redirects');
  }
}

let used = 0;

/** A fresh offer for a standard wallet, with its transaction code, as the portal shows both to a signed-in applicant; `which`: of the applicant with that number. */
export async function standardOffer(which = used) {
  const applicant = demo.standard_wallets[which];
  used = which + 1;
  assert.ok(applicant, 'the demo prepared too few applicants for this judge');
  const api = async (path, method = 'POST', body, token) => {
    const response = await fetch(new URL(path, demo.urls.public), {
      method,
      headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  };
  const { token } = await api('/api/v1/portal/session', 'POST', { login: applicant.login, password: applicant.password });
  const offer = await api('/api/v1/portal/wallet-offer', 'POST', undefined, token);
  return { offer: offer.link, code: offer.tx_code };
}
