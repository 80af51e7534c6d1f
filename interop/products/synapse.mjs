// A messenger: Matrix Synapse lets in who comes with the badge; a client of its own talks until the badge is suspended.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Product, approve, demo, documented, freePort, issuer, loginClient, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('synapse');
/** Where the messenger's client would be: it only has to see the address that Synapse sends the browser to. */
const client = 'https://app.chat.example/';
let home;

before(async () => {
  const port = await freePort();
  home = `http://localhost:${port}`;
  const { client_secret: secret } = await register('messenger', ['메신저', 'Messenger'], '--redirect-uri', `${home}/_synapse/client/oidc/callback`);
  await loginClient('messenger', '--backchannel-uri', `${home}/_synapse/client/oidc/backchannel_logout`);
  const badge = documented('badge.yaml', product.folder, { 'https://badge.example': issuer, CLIENT_SECRET: secret });
  const base = write(product.folder, 'homeserver.yaml', `
server_name: chat.example
public_baseurl: ${home}/
pid_file: ${product.folder}/synapse.pid
listeners:
  - {port: ${port}, type: http, tls: false, bind_addresses: ["127.0.0.1"], resources: [{names: [client]}]}
database: {name: sqlite3, args: {database: ${product.folder}/synapse.db}}
media_store_path: ${product.folder}/media
signing_key_path: ${product.folder}/signing.key
macaroon_secret_key: a secret of this run
registration_shared_secret: another secret of this run
form_secret: a third secret of this run
report_stats: false
trusted_key_servers: []
suppress_key_server_warning: true
`);
  const python = join(process.env.SYNAPSE, 'python');
  const files = ['-m', 'synapse.app.homeserver', '-c', base, '-c', badge];
  await product.run(python, [...files, '--generate-keys']);
  await product.answers(`${home}/_matrix/client/versions`, product.start(python, files, { log: 'synapse.log' }));
});

after(() => product.end());

const matrix = async (path, { token, method = 'GET', body } = {}) => {
  const response = await fetch(new URL(`/_matrix/client/v3/${path}`, home), {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, ...(await response.json()) };
};

const begin = async (page) => page.goto(`${home}/_matrix/client/v3/login/sso/redirect/oidc-badge?redirectUrl=${encodeURIComponent(client)}`);

let session;

test('an official logs in to the messenger with the badge and writes', async () => {
  const page = await product.person();
  await begin(page);
  await approve(page);
  // Synapse shows which client the login is for.
  await page.waitForSelector(`a[href^="${client}"]`, { timeout: 30_000 });
  await product.picture(page);
  const address = new URL(await page.getAttribute(`a[href^="${client}"]`, 'href'));
  session = await matrix('login', { method: 'POST', body: { type: 'm.login.token', token: address.searchParams.get('loginToken'), refresh_token: true } });
  assert.equal(session.status, 200, JSON.stringify(session));
  assert.equal(session.user_id, `@${demo.login.employee_number.toLowerCase()}:chat.example`);
  const profile = await matrix(`profile/${encodeURIComponent(session.user_id)}`);
  assert.equal(profile.displayname, demo.login.name);
  const room = await matrix('createRoom', { token: session.access_token, method: 'POST', body: { name: '예시 업무방' } });
  const said = await matrix(`rooms/${encodeURIComponent(room.room_id)}/send/m.room.message/1`, { token: session.access_token, method: 'PUT', body: { msgtype: 'm.text', body: '예시 메시지' } });
  assert.match(said.event_id, /^\$/);
});

test('a suspended badge is refused at once, and the running session ends', async () => {
  const stranger = await product.person();
  await begin(stranger);
  const lives = async () => (await matrix('account/whoami', { token: session.access_token })).status === 200;
  assert.equal(await lives(), true);
  const at = await suspend();
  const [refusedIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(home)),
    product.until('Synapse ends the session', 20_000, async () => !(await lives()), at),
  ]);
  tell('Matrix Synapse', { refused_ms: refusedIn, ended_ms: endedIn });
  const renewed = await matrix('refresh', { method: 'POST', body: { refresh_token: session.refresh_token } });
  assert.ok(renewed.status >= 400, 'the refresh token outlived the session');
  await resume();
  assert.equal(await lives(), false, 'a resumed badge revived the session');
});
