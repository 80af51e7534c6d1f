// What speaks only SAML: Keycloak takes the badge's login as a broker and speaks SAML to Apache with mod_auth_mellon.
import assert from 'node:assert/strict';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { modules, serve } from './httpd.mjs';
import { Product, approve, authority, demo, documented, freePort, issuer, loginClient, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('keycloak');
let forms;
let inside;

before(async () => {
  const [ssoPort, formsPort, managed] = [await freePort(), await freePort(), await freePort()];
  const sso = `http://localhost:${ssoPort}`;
  forms = `https://localhost:${formsPort}`;
  const { client_secret: secret } = await register('government-sso', ['행정 통합 로그인', 'Government single sign-on'],
    '--redirect-uri', `${sso}/realms/government/broker/badge/endpoint`,
    '--claims', 'name,family_name,given_name,inst_code,department,employee_number');
  await loginClient('government-sso', '--backchannel-uri', `${sso}/realms/government/protocol/openid-connect/logout/backchannel-logout`);

  // The service provider's own key, as its administrator makes it.
  await product.run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-sha256', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', 'sp.key', '-out', 'sp.cert'], { stdio: 'ignore' });
  const certificate = readFileSync(join(product.folder, 'sp.cert'), 'utf8').replaceAll(/-----.*-----|\s/g, '');

  const home = join(product.folder, 'keycloak');
  cpSync(process.env.KEYCLOAK, home, { recursive: true });
  documented('government-realm.json', join(home, 'data/import'), {
    'https://badge.example': issuer, 'https://forms.example': forms, CLIENT_SECRET: secret, SP_CERTIFICATE: certificate,
  });
  const keycloak = product.start('bash', [join(home, 'bin/kc.sh'), 'start', '--optimized', '--import-realm', '--http-enabled=true', '--http-host=127.0.0.1',
    `--http-port=${ssoPort}`, `--cache=local`, `--http-management-port=${managed}`, `--hostname=${sso}`, `--truststore-paths=${[join(product.folder, 'sp.cert'), authority].filter(Boolean).join(',')}`],
    { log: 'keycloak.log', env: { ...process.env, JAVA_OPTS_KC_HEAP: '-Xms128m -Xmx768m' } });
  const descriptor = `${sso}/realms/government/protocol/saml/descriptor`;
  await product.answers(descriptor, keycloak, 300_000);
  write(product.folder, 'idp.xml', await (await fetch(descriptor)).text());

  const conf = documented('forms.conf', product.folder, {
    'https://forms.example': forms, '/etc/apache2/saml': product.folder,
  });
  write(product.folder, 'site/index.html', '<!doctype html><title>forms</title>');
  write(product.folder, 'site/desk/index.shtml', page);
  await serve(product, formsPort, [...modules.common, 'auth_mellon', 'include'], `
    DocumentRoot ${product.folder}/site
    DirectoryIndex index.shtml index.html
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    <Directory ${product.folder}/site>
      Options +Includes
    </Directory>
    Include ${conf}`, { certificate: join(product.folder, 'sp.cert'), key: join(product.folder, 'sp.key') });
});

after(() => product.end());

const page = `<!doctype html><html lang="ko"><meta charset="utf-8"><title>전자서식 (예시)</title>
<style>body{font:16px/1.6 sans-serif;margin:0;background:#f6f4ef;color:#16202c}header{background:#5b3a1e;color:#fff;padding:1rem 2rem}
main{max-width:46rem;margin:2rem;background:#fff;padding:1.5rem 2rem;border:1px solid #ddd3c6}dt{color:#655}dd{margin:0 0 .6rem;font-weight:600}</style>
<header>전자서식 (예시) · SAML 2.0</header><main><h1>내 서식함</h1>
<dl><dt>이름</dt><dd id="name"><!--#echo encoding="entity" var="OFFICIAL_NAME" --></dd>
<dt>부서</dt><dd><!--#echo encoding="entity" var="OFFICIAL_DEPARTMENT" --></dd>
<dt>REMOTE_USER</dt><dd id="user"><!--#echo encoding="entity" var="REMOTE_USER" --></dd></dl></main></html>`;

test('an official enters a SAML service with the badge', async () => {
  inside = await product.person();
  await inside.goto(`${forms}/desk/`);
  await approve(inside);
  await product.reaches(inside, `${forms}/desk/`);
  assert.equal(await inside.innerText('#name'), demo.login.name);
  assert.equal((await inside.innerText('#user')).toUpperCase(), demo.login.employee_number);
  await product.picture(inside);
});

test('a suspended badge is refused at once, and the session ends at the service and at Keycloak', async () => {
  const stranger = await product.person();
  await stranger.goto(`${forms}/desk/`);
  const request = inside.context().request;
  const lets = async () => (await request.get(`${forms}/desk/`, { maxRedirects: 0, ignoreHTTPSErrors: true })).status() === 200;
  assert.equal(await lets(), true);
  const at = await suspend();
  const [refusedIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(forms)),
    product.until('the service ends the session', 30_000, async () => !(await lets()), at),
  ]);
  tell('Keycloak, mod_auth_mellon', { refused_ms: refusedIn, ended_ms: endedIn });
  await resume();
  assert.equal(await lets(), false, 'a resumed badge revived the session');
  // Keycloak has forgotten the person, too: who comes again is asked for the badge.
  await inside.goto(`${forms}/desk/`);
  assert.ok(inside.url().startsWith(issuer), inside.url());
});
