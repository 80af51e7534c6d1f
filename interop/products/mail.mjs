// Mail: Roundcube in the browser and Dovecot behind it. IMAP lets in by OAuth alone, and asks the provider each time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { Browser, phoneLogin } from '../demo.mjs';
import { modules, serve } from './httpd.mjs';
import { Product, approve, authority, demo, documented, freePort, issuer, loginClient, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('mail');
const user = demo.login.employee_number;
const program = 'http://localhost:9/mail-program';
let webmail;
let imap;
let secret;
let inside;
let connection;

before(async () => {
  const [webPort, imapPort] = [await freePort(), await freePort()];
  webmail = `http://localhost:${webPort}`;
  imap = `imap://127.0.0.1:${imapPort}`;
  ({ client_secret: secret } = await register('mail', ['전자우편', 'Mail'], '--redirect-uri', `${webmail}/badge/callback`, '--redirect-uri', program));
  await loginClient('mail', '--backchannel-uri', `${webmail}/badge/callback?logout=backchannel`);
  const { client_secret: store } = await register('mail-store', ['우편함', 'Mail store'], '--claims', 'employee_number');
  await loginClient('mail-store', '--introspects', 'mail');

  const oauth = documented('dovecot-oauth2.conf.ext', product.folder, { 'https://mail-store:STORE_SECRET@badge.example': issuer.replace('//', `//mail-store:${store}@`) });
  if (authority) appendFileSync(oauth, `tls_ca_cert_file = ${authority}\n`);
  const mailboxes = documented('dovecot-badge.conf', product.folder, { '/etc/dovecot': product.folder, 'uid=vmail gid=vmail': 'uid=www-data gid=www-data', '/var/vmail': `${product.folder}/vmail` });
  // Dovecot and Roundcube write names in small letters.
  write(product.folder, `vmail/${user.toLowerCase()}/Maildir/new/1`, [
    'From: 예시 문서과 <docs@agency.example>', `To: ${user}@agency.example`, 'Date: Mon, 30 Nov 2026 09:00:00 +0900', 'Subject: 예시 공문이 도착했습니다',
    'MIME-Version: 1.0', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit', '', '예시 본문입니다.', ''].join('\n'));
  await product.run('chown', ['-R', 'www-data:www-data', 'vmail']);
  const dovecot = write(product.folder, 'dovecot.conf', `
protocols = imap
listen = 127.0.0.1
base_dir = ${product.folder}/dovecot
state_dir = ${product.folder}/dovecot-state
log_path = ${product.folder}/dovecot.log
ssl = no
# Only because this run has no TLS.
disable_plaintext_auth = no
first_valid_uid = 1
service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
namespace inbox {
  inbox = yes
}
!include ${mailboxes}
`);
  await product.listens(imapPort, product.start('/usr/sbin/dovecot', ['-F', '-c', dovecot], { log: 'dovecot.out' }));

  const conf = documented('webmail.conf', product.folder, { 'https://badge.example': issuer, 'https://mail.example': webmail, CLIENT_SECRET: secret, PASSPHRASE: 'a fresh passphrase of this run' });
  documented('webmail.inc.php', product.folder, { 'ssl://imap.example:993': `127.0.0.1:${imapPort}` });
  for (const folder of ['roundcube', 'temp', 'logs']) mkdirSync(join(product.folder, folder));
  write(product.folder, 'roundcube/config.inc.php', `<?php
$config = [];
$config['db_dsnw'] = 'sqlite:///${product.folder}/temp/roundcube.db?mode=0600';
$config['des_key'] = 'twentyfour letters here!';
$config['temp_dir'] = '${product.folder}/temp/';
$config['log_dir'] = '${product.folder}/logs/';
$config['enable_installer'] = false;
$config['language'] = 'ko_KR';
include '${product.folder}/webmail.inc.php';
`);
  await product.run('cp', ['/etc/roundcube/defaults.inc.php', '/etc/roundcube/mimetypes.php', join(product.folder, 'roundcube')]);
  // As Debian's package does it at installation; Roundcube's own way races with itself when a browser's first requests come together.
  await product.run('php', ['-r', '(new PDO("sqlite:temp/roundcube.db"))->exec(file_get_contents("/usr/share/roundcube/SQL/sqlite.initial.sql"));']);
  await product.run('chown', ['-R', 'www-data:www-data', 'temp', 'logs']);
  const httpd = await serve(product, webPort, [...modules.common, 'auth_openidc', 'php', 'env', 'rewrite', 'headers', 'access_compat'], `
    DocumentRoot /var/lib/roundcube/public_html
    DirectoryIndex index.php
    SetEnv ROUNDCUBE_CONFIG_DIR ${product.folder}/roundcube
    <FilesMatch "\\.php$">
      SetHandler application/x-httpd-php
    </FilesMatch>
    Include /etc/roundcube/apache.conf
    Include ${conf}`);
  await product.answers(webmail, httpd, 60_000, 500);
});

after(() => {
  connection?.destroy();
  return product.end();
});

/** An access token as a program of a relying party gets it. */
async function token(id, itsSecret, redirect) {
  const config = await client.discovery(new URL(issuer), id, undefined, client.ClientSecretBasic(itsSecret), { execute: [client.allowInsecureRequests] });
  const [verifier, state] = [client.randomPKCECodeVerifier(), client.randomState()];
  const url = client.buildAuthorizationUrl(config, { redirect_uri: redirect, scope: 'openid badge', state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const browser = new Browser();
  const page = await browser.loginPage(url);
  await phoneLogin(page.link, page.number);
  const tokens = await client.authorizationCodeGrant(config, await browser.returned(page), { pkceCodeVerifier: verifier, expectedState: state });
  return tokens.access_token;
}

/** curl, as an IMAP program: what it answers to one command, or why it was not let in. */
const curl = (bearer, mechanism, as = user) => new Promise((resolve) => {
  execFile('curl', ['-sS', '--max-time', '20', '--user', as, '--oauth2-bearer', bearer, '--login-options', `AUTH=${mechanism}`, `${imap}/`, '--request', 'STATUS INBOX (MESSAGES)'],
    (error, stdout, stderr) => resolve(error ? `refused: ${stderr.trim()}` : stdout.trim()));
});

/** A connection that stays open, as mail programs keep one; resolves once it is logged in. */
function stay(bearer) {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(imap);
    const socket = connect(Number(port), hostname);
    socket.once('error', reject);
    socket.once('data', () => {
      socket.once('data', (answer) => (/^a OK/m.test(answer) ? resolve(socket) : reject(new Error(String(answer)))));
      socket.write(`a AUTHENTICATE OAUTHBEARER ${Buffer.from(`n,a=${user},\x01auth=Bearer ${bearer}\x01\x01`).toString('base64')}\r\n`);
    });
  });
}

/** Whether an open connection still answers. */
const answers = (socket) => new Promise((resolve) => {
  socket.once('data', (answer) => resolve(/^b OK/m.test(answer)));
  socket.once('close', () => resolve(false));
  socket.write('b NOOP\r\n');
});

let bearer;

test('an official reads mail in the browser with the badge', async () => {
  inside = await product.person();
  await inside.goto(webmail);
  await approve(inside);
  await product.reaches(inside, (url) => url.origin === webmail && !url.pathname.startsWith('/badge'), 60_000);
  // The list comes by a request of its own, which a slow machine may lose: then the page is asked for again, as a person does.
  for (let turn = 0; ; turn += 1) {
    try {
      await inside.getByText('예시 공문이 도착했습니다').waitFor({ timeout: 20_000 });
      break;
    } catch (error) {
      if (turn === 2) throw new Error(`${error.message}\n${await inside.innerText('body')}`);
      await inside.reload();
    }
  }
  await product.picture(inside);
});

test('a mail program is let in by OAUTHBEARER and XOAUTH2, to this person’s mailbox alone', async () => {
  bearer = await token('mail', secret, program);
  for (const mechanism of ['OAUTHBEARER', 'XOAUTH2']) assert.match(await curl(bearer, mechanism), /STATUS INBOX \(MESSAGES 1\)/, mechanism);
  assert.match(await curl(bearer, 'OAUTHBEARER', 'EX00000001'), /^refused/, 'another person’s mailbox opened');
  assert.match(await curl('not-a-token', 'OAUTHBEARER'), /^refused/);
  const { client_id: other, client_secret: otherSecret, redirect_uri: redirect } = demo.relying_party;
  assert.match(await curl(await token(other, otherSecret, redirect), 'OAUTHBEARER'), /^refused/, 'a token that another relying party got opened the mailbox');
  connection = await stay(bearer);
});

test('a suspended badge is refused at once, and webmail and mail program end', async () => {
  const stranger = await product.person();
  await stranger.goto(webmail);
  const lets = async () => {
    const answer = await inside.context().request.get(`${webmail}/?_task=mail&_mbox=INBOX`, { maxRedirects: 0 });
    return answer.status() === 200 && (await answer.text()).includes('mailboxlist');
  };
  // As Roundcube's own page asks for the list of mails.
  const mails = () => inside.evaluate(async () => {
    const answer = await fetch('./?_task=mail&_action=list&_mbox=INBOX&_remote=1', { headers: { 'x-roundcube-request': window.rcmail.env.request_token }, redirect: 'manual' });
    return answer.status === 200 && /예시 공문|uc608/.test(await answer.text());
  });
  assert.deepEqual([await lets(), await mails()], [true, true]);
  const at = await suspend();
  const [refusedIn, programIn, mailsIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(webmail)),
    product.until('IMAP refuses the program', 30_000, async () => (await curl(bearer, 'OAUTHBEARER')).startsWith('refused'), at),
    product.until('webmail shows no more mails', 30_000, async () => !(await mails()), at),
    product.until('webmail ends the session', 60_000, async () => !(await lets()), at),
  ]);
  tell('Roundcube, mails', { refused_ms: refusedIn, ended_ms: mailsIn });
  tell('Roundcube, page', { refused_ms: refusedIn, ended_ms: endedIn });
  tell('Dovecot, new connection', { refused_ms: refusedIn, ended_ms: programIn });
  // Dovecot asks at the login alone: what is open stays open until somebody ends it.
  assert.equal(await answers(connection), true, 'Dovecot has learnt to end a connection: tell it in the documents');
  const kicked = performance.now();
  const closed = new Promise((done) => connection.once('close', done));
  await product.run('doveadm', ['-c', join(product.folder, 'dovecot.conf'), 'kick', user.toLowerCase()]);
  await closed;
  tell('Dovecot, open connection, doveadm kick', { ended_ms: Math.round(performance.now() - kicked) });
  await resume();
  assert.equal(await lets(), false, 'a resumed badge revived the session');
  assert.match(await curl(bearer, 'OAUTHBEARER'), /^refused/, 'a resumed badge revived the token');
});
