// A work portal: Apache with mod_auth_openidc lets in who comes with the badge, and nobody else.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { modules, serve } from './httpd.mjs';
import { Product, approve, demo, documented, freePort, issuer, loginClient, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('apache');
let site;
let inside;

before(async () => {
  const port = await freePort();
  site = `http://localhost:${port}`;
  const { client_secret: secret } = await register('work-portal', ['업무 포털', 'Work portal'], '--redirect-uri', `${site}/badge/callback`);
  await loginClient('work-portal', '--backchannel-uri', `${site}/badge/callback?logout=backchannel`);
  const values = { 'https://badge.example': issuer, 'https://portal.example': site, CLIENT_SECRET: secret, PASSPHRASE: 'a fresh passphrase of this run' };
  const badge = documented('work-portal.conf', product.folder, values);
  write(product.folder, 'site/index.shtml', page);
  const httpd = await serve(product, port, [...modules.common, 'auth_openidc', 'include'], `
    DocumentRoot ${product.folder}/site
    DirectoryIndex index.shtml
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    <Directory ${product.folder}/site>
      Options +Includes
    </Directory>
    Include ${badge}`);
  // Once it answers, be it that a program has to log in first, it has read the provider's metadata.
  await product.answers(site, httpd, 60_000, 500);
});

after(() => product.end());

const page = `<!doctype html><html lang="ko"><meta charset="utf-8"><title>업무 포털 (예시)</title>
<style>body{font:16px/1.6 sans-serif;margin:0;background:#f4f5f7;color:#16202c}header{background:#16324f;color:#fff;padding:1rem 2rem}
main{max-width:46rem;margin:2rem;background:#fff;padding:1.5rem 2rem;border:1px solid #d5dae1}dt{color:#556}dd{margin:0 0 .6rem;font-weight:600}</style>
<header>업무 포털 (예시) · Apache</header><main><h1>어서 오세요</h1>
<dl><dt>이름</dt><dd id="name"><!--#echo encoding="entity" var="OIDC_CLAIM_name" --></dd>
<dt>기관</dt><dd><!--#echo encoding="entity" var="OIDC_CLAIM_agency_name" --> (<!--#echo encoding="entity" var="OIDC_CLAIM_inst_code" -->)</dd>
<dt>부서</dt><dd><!--#echo encoding="entity" var="OIDC_CLAIM_department" --></dd>
<dt>REMOTE_USER</dt><dd id="user"><!--#echo encoding="entity" var="REMOTE_USER" --></dd></dl></main></html>`;

test('an official enters the portal with the badge', async () => {
  inside = await product.person();
  await inside.goto(site);
  await approve(inside);
  await product.reaches(inside, `${site}/`);
  assert.equal(await inside.innerText('#name'), demo.login.name);
  assert.equal(await inside.innerText('#user'), demo.login.employee_number);
  await product.picture(inside);
});

test('a suspended badge is refused at once, and the running session ends', async () => {
  const stranger = await product.person();
  await stranger.goto(site);
  const lets = async () => (await inside.context().request.get(site, { maxRedirects: 0 })).status() === 200;
  assert.equal(await lets(), true);
  const at = await suspend();
  const [refusedIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(site)),
    product.until('the portal ends the session', 60_000, async () => !(await lets()), at),
  ]);
  tell('Apache, mod_auth_openidc', { refused_ms: refusedIn, ended_ms: endedIn });
  // The badge comes back; the session from before does not.
  await resume();
  assert.equal(await lets(), false, 'a resumed badge revived the session');
});
