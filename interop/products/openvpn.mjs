// Remote work through a tunnel: OpenVPN 2.6 by web authentication, server and client each in a network of its own.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Product, approve, demo, documented, freePort, issuer, loginClient, pause, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('openvpn');
const [office, home] = [`mapae-office-${process.pid}`, `mapae-home-${process.pid}`];
// Addresses for documentation (RFC 5737): nobody else's.
const [officeAddress, homeAddress] = ['192.0.2.1', '192.0.2.2'];
let site;
let inside;
let tunnel;

const ip = (...args) => product.run('ip', args);
const ssl = (...args) => product.run('openssl', args, { stdio: 'ignore' });

/** A certificate authority, the server's certificate and that of one official's machine. */
async function certificates() {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256'];
  await ssl('req', '-x509', '-days', '30', '-subj', '/CN=Example VPN CA', ...key, '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const [name, usage, subject] of [['server', 'serverAuth', 'vpn.example'], ['client', 'clientAuth', '예시-노트북-17']]) {
    write(product.folder, `${name}.ext`, `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=${usage}\n`);
    await ssl('req', '-new', '-utf8', '-subj', `/CN=${subject}`, ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    await ssl('x509', '-req', '-days', '10', '-sha256', '-in', `${name}.csr`, '-extfile', `${name}.ext`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`);
  }
}

before(async () => {
  product.atEnd(() => ip('netns', 'del', office));
  product.atEnd(() => ip('netns', 'del', home));
  await ip('netns', 'add', office);
  await ip('netns', 'add', home);
  await ip('link', 'add', 'm-office', 'netns', office, 'type', 'veth', 'peer', 'name', 'm-home', 'netns', home);
  for (const [space, link, address] of [[office, 'm-office', officeAddress], [home, 'm-home', homeAddress]]) {
    await ip('-n', space, 'addr', 'add', `${address}/24`, 'dev', link);
    await ip('-n', space, 'link', 'set', link, 'up');
    await ip('-n', space, 'link', 'set', 'lo', 'up');
  }
  await certificates();

  const web = await freePort();
  site = `http://localhost:${web}`;
  const { client_secret: secret } = await register('vpn', ['원격 접속', 'Remote access'], '--redirect-uri', `${site}/callback`);
  await loginClient('vpn', '--backchannel-uri', `${site}/logout`);
  const config = documented('server.conf', product.folder, { '/etc/openvpn': product.folder, '/run/openvpn': product.folder });
  const openvpn = product.start('ip', ['netns', 'exec', office, '/usr/sbin/openvpn', '--config', config], { log: 'server.log' });
  await product.waits(openvpn, 'OpenVPN is up', 30_000, (said) => /Initialization Sequence Completed/.test(said));
  const script = product.start('node', [join(process.env.ROOT, 'examples/login/vpn.mjs')], {
    log: 'vpn.log',
    env: { ...process.env, PORT: String(web), BASE_URL: site, MANAGEMENT: join(product.folder, 'badge.sock'), MAPAE_URL: issuer, MAPAE_CLIENT_ID: 'vpn', MAPAE_CLIENT_SECRET: secret },
  });
  await product.listens(web, script);
  // What an official wants to reach: it has an address inside the tunnel only.
  write(product.folder, 'inside/index.html', '예시 내부 문서');
  product.start('ip', ['netns', 'exec', office, 'python3', '-m', 'http.server', '8080', '--bind', '10.88.0.1', '--directory', join(product.folder, 'inside')], { log: 'inside.log' });
});

after(() => product.end());

/** The client of an official's machine; `opens` is the page that it was told to open. */
async function dial(name) {
  const socket = join(product.folder, `${name}.sock`);
  const child = product.start('ip', ['netns', 'exec', home, '/usr/sbin/openvpn', '--client', '--dev', 'tun', '--proto', 'udp', '--remote', officeAddress, '1194',
    '--ca', 'ca.pem', '--cert', 'client.pem', '--key', 'client.key', '--remote-cert-tls', 'server', '--push-peer-info', '--setenv', 'IV_SSO', 'webauth', '--nobind',
    '--connect-retry-max', '1', '--management', socket, 'unix', '--management-hold'], { log: `${name}.log` });
  await product.waits(child, 'the client is up', 20_000, () => existsSync(socket));
  const management = connect(socket);
  management.on('error', () => {});
  const states = [];
  let opens;
  createInterface({ input: management }).on('line', (line) => {
    opens ??= /^>INFOMSG:WEB_AUTH:[^:]*:(.*)$/.exec(line)?.[1];
    if (line.startsWith('>STATE:')) states.push(line.split(',')[1]);
  });
  management.write('state on\nhold release\n');
  await product.waits(child, 'the client is told what to open', 30_000, () => opens !== undefined);
  return { child, states, opens };
}

const reaches = async () => (await product.run('ip', ['netns', 'exec', home, 'curl', '-s', '--max-time', '2', 'http://10.88.0.1:8080/']).catch(() => '')).includes('예시 내부 문서');

test('an official opens the tunnel with the badge', async () => {
  tunnel = await dial('first');
  assert.equal(await reaches(), false, 'the inside was reached before the login');
  inside = await product.person();
  await inside.goto(tunnel.opens);
  assert.match(await inside.innerText('main'), /예시-노트북-17[\s\S]*192\.0\.2\.2/);
  await product.picture(inside, 'openvpn-asks');
  await inside.click('button');
  await approve(inside);
  await product.reaches(inside, (url) => url.pathname === '/callback');
  assert.equal(await inside.innerText('#name'), demo.login.name);
  await product.picture(inside);
  await product.until('the tunnel carries', 30_000, reaches);
});

test('an address that was used opens nothing again', async () => {
  const page = await product.person();
  const response = await page.goto(tunnel.opens);
  assert.equal(response.status(), 410);
});

test('a suspended badge is refused at once, and the tunnel is cut', async () => {
  const second = await dial('second');
  const stranger = await product.person();
  await stranger.goto(second.opens);
  await stranger.click('button');
  assert.equal(await reaches(), true);
  const at = await suspend();
  const [refusedIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(site)),
    product.until('the tunnel is cut', 60_000, async () => !(await reaches()), at),
  ]);
  assert.ok(!second.states.includes('CONNECTED'), 'the second tunnel opened');
  tell('OpenVPN', { refused_ms: refusedIn, ended_ms: endedIn });
  await product.until('the client has ended', 20_000, async () => tunnel.child.ended !== undefined);
  await resume();
  await pause(1_000);
  assert.equal(await reaches(), false, 'a resumed badge revived the tunnel');
});
