// While validators are away: a standard wallet receives a badge and verifies it, and an official logs in.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const { Browser, demo, phoneLogin, standardOffer } = await import(pathToFileURL(join(process.env.SHARED, 'demo.mjs')));
const run = promisify(execFile);
const party = demo.relying_party;
const folder = await mkdtemp(join(tmpdir(), 'mapae-walk-'));

async function issue() {
  const wallet = async (...args) => {
    const { stdout } = await run(process.env.MAPAE, ['wallet', '--vault', join(folder, 'vault'), '--json', ...args]);
    return JSON.parse(stdout);
  };
  const root = join(folder, 'root.pem');
  await writeFile(root, await (await fetch(new URL('/root.pem', demo.urls.public))).text());
  const { offer, code } = await standardOffer(Number(process.env.APPLICANT));
  await wallet('init');
  await wallet('trust', root);
  const received = await wallet('receive', offer, '--code', code);
  assert.equal(received.ok, true, JSON.stringify(received));
}

async function login() {
  const query = new URLSearchParams({
    client_id: party.client_id, redirect_uri: party.redirect_uri, response_type: 'code', scope: 'openid profile badge',
    state: 'during-the-outage', nonce: 'during-the-outage', code_challenge_method: 'S256',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  });
  const { authorization_endpoint: endpoint } = await (await fetch(new URL('/.well-known/openid-configuration', demo.urls.public))).json();
  const browser = new Browser();
  const page = await browser.loginPage(new URL(`${endpoint}?${query}`));
  await phoneLogin(page.link, page.number);
  const callback = await browser.returned(page);
  assert.ok(callback.searchParams.get('code'), callback.href);
}

try {
  const begun = Date.now();
  await issue();
  const issued = Date.now();
  await login();
  console.log(`a badge in ${issued - begun} ms, a login in ${Date.now() - issued} ms`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
