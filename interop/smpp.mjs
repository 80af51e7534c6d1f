// Messages to two stock SMPP servers (npm smpp), the first of them killed in the middle: none may be lost, and none may
// come twice but those that the first took without answering, which the platform counts and shows.
import assert from 'node:assert/strict';
import { execFile, fork, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'mapae-smpp-'));
const MESSAGES = 400;

const free = () => new Promise((done) => {
  const socket = createServer().listen(0, '127.0.0.1', () => {
    const { port } = socket.address();
    socket.close(() => done(port));
  });
});

/** A provider in a process of its own: it notes each message in a file before it answers, and may be killed. */
class Provider {
  #log;
  #port;
  #child;

  constructor(name, port) {
    this.#log = join(folder, `${name}.log`);
    this.#port = port;
    writeFileSync(this.#log, '');
  }

  async start() {
    this.#child = fork(new URL('./smpp-server.mjs', import.meta.url), [String(this.#port), this.#log]);
    await new Promise((ready, failed) => {
      this.#child.once('message', ready);
      this.#child.once('exit', failed);
    });
  }

  /** As a power cut would. */
  kill() {
    const gone = new Promise((done) => this.#child.once('exit', done));
    this.#child.kill('SIGKILL');
    return gone;
  }

  /** Every message with whether it was answered, in the order they came. */
  messages() {
    const taken = new Map();
    for (const line of readFileSync(this.#log, 'utf8').split('\n').filter(Boolean)) {
      const note = JSON.parse(line);
      if (note.took) taken.set(note.id, { text: note.took, from: note.from, answered: false, long: note.long });
      else if (taken.has(note.answered)) taken.get(note.answered).answered = true;
    }
    return [...taken.values()];
  }
}

const ports = [];
let first;
let second;
let server;
let environment;

const mapae = async (...args) => (await run(process.env.MAPAE, args, { env: environment })).stdout;
const status = async () => JSON.parse(await mapae('message', 'status', '--json'));

const until = async (what, seconds, test) => {
  for (let n = 0; n < seconds * 10; n += 1) {
    if (await test()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`not within ${seconds} s: ${what}`);
};

before(async () => {
  for (let n = 0; n < 5; n += 1) ports.push(await free());
  first = new Provider('first', ports[0]);
  second = new Provider('second', ports[1]);
  await first.start();
  await second.start();
  environment = {
    ...process.env,
    MAPAE__STORE__URL: `sqlite:${join(folder, 'mapae.db')}`,
    MAPAE__KEYS__FILE: join(folder, 'mapae.key'),
    MAPAE__PUBLIC__LISTEN: `127.0.0.1:${ports[2]}`,
    MAPAE__CONSOLE__LISTEN: `127.0.0.1:${ports[3]}`,
    MAPAE__METRICS__LISTEN: `127.0.0.1:${ports[4]}`,
    MAPAE__LOG__LEVEL: 'error',
    MAPAE__NOTIFICATION__URL: `smpp://127.0.0.1:${ports[0]}`,
    MAPAE__NOTIFICATION__SENDER: '021234567',
    MAPAE__NOTIFICATION__SYSTEM_ID: 'mapae',
    MAPAE__NOTIFICATION__PASSWORD: 'example',
    MAPAE__SECOND_SMS__URL: `smpp://127.0.0.1:${ports[1]}`,
    MAPAE__SECOND_SMS__SENDER: '021234567',
    MAPAE__SECOND_SMS__SYSTEM_ID: 'mapae',
    MAPAE__SECOND_SMS__PASSWORD: 'example',
  };
  server = spawn(process.env.MAPAE, ['serve'], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  await until('the server answers', 30, async () => {
    try {
      return (await fetch(`http://127.0.0.1:${ports[4]}/readyz`)).ok;
    } catch {
      return false;
    }
  });
});

after(async () => {
  server?.kill();
  await first?.kill();
  await second?.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('Korean goes as EUC-KR from the registered number, short and long', async () => {
  await mapae('message', 'send', '--to', '010-0000-0000', '[예시] 인증번호 {n}');
  await mapae('message', 'send', '--to', '010-0000-0000', `[예시] ${'긴 문자 '.repeat(40)}끝`);
  await until('two messages', 20, () => first.messages().length === 2);
  const [short, long] = first.messages().sort((a, b) => a.text.length - b.text.length);
  assert.equal(short.text, '[예시] 인증번호 0');
  assert.equal(short.from, '021234567');
  assert.equal(short.long, false);
  assert.ok(long.text.endsWith('끝'));
  assert.equal(long.long, true);
  await until('both receipts', 20, async () => (await status()).standing.delivered === 2);
  const kinds = (await status()).days.map((line) => [line.provider, line.length, line.messages]);
  assert.deepEqual(kinds, [['first', 'lms', 1], ['first', 'sms', 1]]);
});

test('the first provider is killed in the middle: none is lost, and what may have come twice is told', async () => {
  await mapae('message', 'send', '--to', '010-0000-0000', 'judge-{n}', '--times', String(MESSAGES));
  const judged = (provider) => provider.messages().filter((message) => message.text.startsWith('judge-'));
  await until('some messages', 60, () => judged(first).length >= 60);
  await first.kill();
  await until('the second has taken over', 60, () => judged(second).length >= 60);
  await first.start();
  await until('every message is settled', 180, async () => {
    const { standing } = await status();
    return standing.waiting === 0 && standing.sent + standing.dead >= MESSAGES + 2;
  });
  const { standing, days } = await status();
  assert.equal(standing.dead, 0);
  assert.equal(standing.sent, MESSAGES + 2);

  const times = new Map();
  const all = [...judged(first), ...judged(second)];
  for (const { text } of all) times.set(text, (times.get(text) ?? 0) + 1);
  assert.equal(times.size, MESSAGES, 'lost messages');
  const twice = [...times].filter(([, count]) => count > 1).map(([text]) => text);
  const unanswered = new Set(judged(first).filter((message) => !message.answered).map((message) => message.text));
  for (const text of twice) assert.ok(unanswered.has(text), `${text} came twice although its taking was answered`);
  const doubts = days.reduce((sum, line) => sum + line.doubts, 0);
  assert.ok(standing.in_doubt >= twice.length, `${twice.length} came twice, ${standing.in_doubt} are told`);
  assert.ok(doubts >= twice.length);
  const shown = await (await fetch(`http://127.0.0.1:${ports[4]}/metrics`)).text();
  assert.match(shown, /mapae_notification_sms_total/);
  console.log(`${MESSAGES} messages, 0 lost, ${twice.length} twice, ${unanswered.size} taken without an answer, ${standing.in_doubt} told as in doubt; `
    + `first ${judged(first).length}, second ${judged(second).length}`);
});
