// Remote work: JupyterHub with oauthenticator gives an official a computer of the agency's, as long as the badge is good.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Product, approve, demo, documented, freePort, issuer, refused, register, resume, suspend, tell, write } from './product.mjs';

const product = new Product('jupyterhub');
const user = demo.login.employee_number.toLowerCase();
let lab;
let inside;

before(async () => {
  const [port, hubPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  lab = `http://localhost:${port}`;
  const { client_secret: secret } = await register('lab', ['원격 업무', 'Remote work'], '--redirect-uri', `${lab}/hub/oauth_callback`);
  const badge = documented('jupyterhub_badge.py', product.folder, { 'https://badge.example': issuer, 'https://lab.example': lab, CLIENT_SECRET: secret });
  mkdirSync(join(product.folder, 'homes'));
  const config = write(product.folder, 'jupyterhub_config.py', `
load_subconfig(${JSON.stringify(badge)})
c.JupyterHub.bind_url = "http://127.0.0.1:${port}"
c.JupyterHub.hub_port = ${hubPort}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:${apiPort}"
c.ConfigurableHTTPProxy.command = ["node", ${JSON.stringify(process.env.PROXY)}]
c.JupyterHub.db_url = "sqlite:///${product.folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "${product.folder}/cookie_secret"
# One machine plays all of them: the notebooks run below the judge's folder instead of in homes of their own.
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "${product.folder}/homes/{username}"
c.Spawner.args = c.Spawner.args + ["--allow-root"]
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 120
`);
  const hub = product.start(join(process.env.JUPYTERHUB, 'jupyterhub'), ['-f', config], {
    env: { ...process.env, JUPYTERHUB_CRYPT_KEY: '1f'.repeat(32), PATH: `${process.env.JUPYTERHUB}:${process.env.PATH}` },
  });
  await product.answers(`${lab}/hub/health`, hub, 120_000);
});

after(() => product.end());

const begin = (page) => page.goto(`${lab}/hub/oauth_login`);

test('an official opens a notebook with the badge', async () => {
  inside = await product.person();
  await begin(inside);
  await approve(inside);
  await product.reaches(inside, (url) => url.pathname.startsWith(`/user/${user}/lab`), 150_000);
  await inside.waitForSelector('.jp-Launcher', { timeout: 90_000 });
  await product.picture(inside);
});

test('a suspended badge is refused at once, and hub and running notebook end', async () => {
  const stranger = await product.person();
  await begin(stranger);
  const request = inside.context().request;
  const hubLets = async () => (await request.get(`${lab}/hub/home`, { maxRedirects: 0 })).status() === 200;
  const notebookLets = async () => (await request.get(`${lab}/user/${user}/api/contents`, { maxRedirects: 0 })).status() === 200;
  assert.deepEqual([await hubLets(), await notebookLets()], [true, true]);
  const at = await suspend();
  const [refusedIn, hub, notebook] = await Promise.all([
    refused(stranger, async () => !stranger.url().startsWith(issuer)),
    product.until('the hub ends the session', 90_000, async () => !(await hubLets()), at),
    product.until('the notebook ends the session', 90_000, async () => !(await notebookLets()), at),
  ]);
  tell('JupyterHub, hub', { refused_ms: refusedIn, ended_ms: hub });
  tell('JupyterHub, running notebook', { refused_ms: refusedIn, ended_ms: notebook });
  await resume();
  assert.deepEqual([await hubLets(), await notebookLets()], [false, false], 'a resumed badge revived the session');
});
