// A relying party of a LiveKit server: whoever logs in with the badge gets a room's token, and leaves the room when the
// badge is suspended. Node.js 20 or newer, no package; the page loads LiveKit's own client from LIVEKIT_CLIENT, the file
// livekit-client.umd.js of the npm package of that name.
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Client, form } from './oidc.mjs';

const need = (name) => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const base = need('BASE_URL');
const livekit = { url: need('LIVEKIT_URL'), key: need('LIVEKIT_API_KEY'), secret: need('LIVEKIT_API_SECRET') };
/** How often the provider is asked whether each session lives, in seconds: should its word of a logout once not arrive. */
const CHECK_S = Number(process.env.CHECK_S ?? 30);
/** How long a room's token opens the door, in seconds; who is inside stays inside. A short one keeps out who was sent out. */
const TOKEN_S = 20;
/** How long a session lasts at most, in milliseconds. */
const SESSION_MS = 3_600_000;
const ROOM = 'weekly';

const client = new Client({ issuer: need('MAPAE_URL'), id: need('MAPAE_CLIENT_ID'), secret: need('MAPAE_CLIENT_SECRET'), redirectUri: `${base}/callback` });
const clientScript = readFileSync(need('LIVEKIT_CLIENT'));
/** Cookie → what is kept for it: a login that has begun, or a person who is in. */
const sessions = new Map();

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A LiveKit token: a JWT with HS256 under the server's API key. */
function livekitToken(identity, name, video, seconds) {
  const now = Math.floor(Date.now() / 1000);
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: livekit.key, sub: identity, name, nbf: now - 5, exp: now + seconds, video })}`;
  return `${text}.${createHmac('sha256', livekit.secret).update(text).digest('base64url')}`;
}

/** Sends somebody out of the room. */
async function sendOut(identity) {
  const response = await fetch(new URL('/twirp/livekit.RoomService/RemoveParticipant', livekit.url.replace(/^ws/, 'http')), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${livekitToken('meeting', 'meeting', { roomAdmin: true, room: ROOM }, 60)}` },
    body: JSON.stringify({ room: ROOM, identity }),
    signal: AbortSignal.timeout(10_000),
  });
  // 404: the person has left already.
  if (!response.ok && response.status !== 404) throw new Error(`LiveKit answered ${response.status}`);
}

/** Asks after every session; one that has ended at the provider ends here, and in the room. */
async function check() {
  for (const [cookie, session] of sessions) {
    try {
      if (session.until < Date.now() || (session.in && !(await client.person(session.in.token)))) {
        // First out of the list, so that no token is given while the person is being sent out.
        sessions.delete(cookie);
        if (session.in) await sendOut(session.in.identity);
      }
    } catch (error) {
      // Provider or LiveKit can't be reached: kept, and asked again.
      if (session.in) sessions.set(cookie, session);
      console.error(`the session of ${session.in?.identity ?? 'a login'} could not be checked: ${error.message}`);
    }
  }
  setTimeout(check, CHECK_S * 1000);
}

const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);

const page = (session) => `<!doctype html><html lang="ko"><meta charset="utf-8"><title>화상 회의 (예시)</title><link rel="stylesheet" href="/meeting.css">
<header>화상 회의 (예시)</header><main><h1>주간 회의</h1><p id="state" role="status">들어가는 중…</p>
<div id="people" data-url="${escape(livekit.url)}"></div><p class="me">${escape(session.in.name)} · ${escape(session.in.department)}</p></main>
<script src="/livekit-client.js"></script><script src="/meeting.js"></script></html>`;

const style = `body{font:16px/1.6 sans-serif;margin:0;background:#14181d;color:#eef}header{padding:1rem 2rem;background:#1f2630}main{padding:1rem 2rem}
#people{display:flex;gap:1rem;flex-wrap:wrap}figure{margin:0;background:#000;border-radius:8px;overflow:hidden}video{width:420px;display:block}figcaption{padding:.4rem .8rem}.me{color:#9ab}`;

const script = `const state = document.querySelector('#state'), people = document.querySelector('#people');
const show = (participant, track) => { const figure = document.createElement('figure'), name = document.createElement('figcaption');
  name.textContent = participant.name; figure.append(track.attach(), name); people.append(figure); };
(async () => {
  const { token } = await (await fetch('/token', { method: 'POST' })).json();
  const room = new LivekitClient.Room();
  room.on('disconnected', () => { state.textContent = '회의가 끝났습니다.'; people.replaceChildren(); });
  room.on('trackSubscribed', (track, publication, participant) => track.kind === 'video' && show(participant, track));
  await room.connect(people.dataset.url, token);
  state.textContent = '회의 중';
  await room.localParticipant.setCameraEnabled(true);
  for (const { track } of room.localParticipant.videoTrackPublications.values()) show(room.localParticipant, track);
})().catch((error) => { state.textContent = '회의에 들어가지 못했습니다: ' + error.message; });`;

/** What is kept for the browser of a request, if it has begun anything here. */
function of(request) {
  const cookie = /(?:^|;\s*)meeting=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
  const session = cookie && sessions.get(cookie);
  return session && session.until > Date.now() ? { cookie, session } : {};
}

function keep(response, session) {
  const cookie = randomBytes(32).toString('base64url');
  sessions.set(cookie, { until: Date.now() + SESSION_MS, ...session });
  response.setHeader('set-cookie', `meeting=${cookie}; HttpOnly; SameSite=Lax; Path=/${base.startsWith('https:') ? '; Secure' : ''}`);
}

const routes = {
  'GET /': async (request, response) => {
    const { session } = of(request);
    if (session?.in) return { type: 'text/html; charset=utf-8', body: page(session) };
    const { url, kept } = await client.begin();
    keep(response, { begun: kept, until: Date.now() + 600_000 });
    return { location: url };
  },
  'GET /callback': async (request, response, url) => {
    const { cookie, session } = of(request);
    if (!session?.begun) return { location: '/' };
    // What has begun is used once, whatever comes of it.
    sessions.delete(cookie);
    const { token, sub, sid, person } = await client.finish(session.begun, url.searchParams);
    keep(response, { in: { token, sub, sid, identity: person.employee_number, name: person.name, department: person.department } });
    return { location: '/' };
  },
  'POST /token': async (request) => {
    const { session } = of(request);
    if (!session?.in || !(await client.person(session.in.token))) return { status: 401, type: 'application/json', body: '{"error":"no session"}' };
    const token = livekitToken(session.in.identity, session.in.name, { roomJoin: true, room: ROOM }, TOKEN_S);
    return { type: 'application/json', body: JSON.stringify({ token }) };
  },
  // The provider says that a login has ended (Back-Channel Logout 1.0).
  'POST /logout': async (request) => {
    const ended = await client.loggedOut((await form(request))?.get('logout_token'));
    for (const [cookie, session] of sessions) {
      if (!session.in || !ended(session.in)) continue;
      sessions.delete(cookie);
      // Kept where LiveKit can't be reached: the provider tells it again, and `check` asks.
      await sendOut(session.in.identity).catch((error) => { sessions.set(cookie, session); throw error; });
    }
    return { body: '' };
  },
  'GET /livekit-client.js': async () => ({ type: 'text/javascript', body: clientScript }),
  'GET /meeting.js': async () => ({ type: 'text/javascript', body: script }),
  'GET /meeting.css': async () => ({ type: 'text/css', body: style }),
};

createServer(async (request, response) => {
  const url = new URL(request.url, base);
  let answer;
  try {
    const route = routes[`${request.method} ${url.pathname}`];
    answer = route ? await route(request, response, url) : { status: 404, body: 'not here' };
  } catch (error) {
    console.error(error.message);
    answer = { status: url.pathname === '/logout' ? 400 : 403, body: '로그인하지 못했습니다. 처음부터 다시 시도하세요.' };
  }
  response.writeHead(answer.status ?? (answer.location ? 303 : 200), {
    ...(answer.location ? { location: answer.location } : {}),
    'content-type': answer.type ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': `default-src 'self'; connect-src 'self' ${livekit.url} ${livekit.url.replace(/^ws/, 'http')}; media-src 'self' blob: mediastream:; frame-ancestors 'none'`,
  });
  response.end(answer.body);
}).listen(Number(need('PORT')), '127.0.0.1', () => {
  console.log(`listening: ${base}`);
  check();
});
