// A video meeting: a LiveKit server, and the small relying party of examples/ that gives out its rooms' tokens after the login.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Product, approve, demo, documented, freePort, issuer, loginClient, refused, register, resume, suspend, tell } from './product.mjs';

const product = new Product('livekit');
product.arguments = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream'];
let meeting;
let inside;

before(async () => {
  const [port, tcp, web] = [await freePort(), await freePort(), await freePort()];
  meeting = `http://localhost:${web}`;
  const { client_secret: secret } = await register('meeting', ['화상 회의', 'Video meeting'], '--redirect-uri', `${meeting}/callback`);
  await loginClient('meeting', '--backchannel-uri', `${meeting}/logout`);
  const key = randomBytes(24).toString('hex');
  const config = documented('livekit.yaml', product.folder, { LIVEKIT_SECRET: key, 'port: 7880': `port: ${port}`, 'tcp_port: 7881': `tcp_port: ${tcp}` });
  const server = product.start(process.env.LIVEKIT, ['--config', config, '--bind', '127.0.0.1', '--node-ip', '127.0.0.1'], {
    log: 'livekit.log',
  });
  await product.listens(port, server);
  const site = product.start('node', [join(process.env.ROOT, 'examples/login/meeting.mjs')], {
    log: 'meeting.log',
    env: {
      ...process.env, PORT: String(web), BASE_URL: meeting, LIVEKIT_URL: `ws://localhost:${port}`, LIVEKIT_API_KEY: 'meeting', LIVEKIT_API_SECRET: key,
      MAPAE_URL: issuer, MAPAE_CLIENT_ID: 'meeting', MAPAE_CLIENT_SECRET: secret,
    },
  });
  await product.listens(web, site);
});

after(() => product.end());

const state = (page) => page.innerText('#state').catch(() => '');

test('an official joins the meeting with the badge', async () => {
  inside = await product.person();
  await inside.goto(meeting);
  await approve(inside);
  await product.reaches(inside, `${meeting}/`);
  await product.until('the meeting runs', 30_000, async () => (await state(inside)) === '회의 중');
  await inside.waitForSelector('figure video');
  assert.match(await inside.innerText('figcaption'), new RegExp(demo.login.name));
  await product.until('the camera shows', 20_000, () => inside.evaluate(() => document.querySelector('video').videoWidth > 0));
  await product.picture(inside);
});

test('a suspended badge is refused at once, and the person is sent out of the meeting', async () => {
  const stranger = await product.person();
  await stranger.goto(meeting);
  const forged = await fetch(`${meeting}/logout`, { method: 'POST', body: new URLSearchParams({ logout_token: 'e30.e30.e30' }) });
  assert.equal(forged.status, 400);
  assert.equal(await state(inside), '회의 중');
  const at = await suspend();
  const [refusedIn, endedIn] = await Promise.all([
    refused(stranger, async () => stranger.url().startsWith(meeting)),
    product.until('the meeting sends the person out', 40_000, async () => (await state(inside)) === '회의가 끝났습니다.', at),
  ]);
  tell('LiveKit', { refused_ms: refusedIn, ended_ms: endedIn });
  assert.equal((await inside.context().request.post(`${meeting}/token`)).status(), 401);
  await resume();
  assert.equal((await inside.context().request.post(`${meeting}/token`)).status(), 401, 'a resumed badge revived the session');
});
