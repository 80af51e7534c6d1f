// OpenVPN 2.6 by web authentication: the client opens a page, the person logs in with the badge, and the tunnel opens. When
// the badge is suspended, the tunnel is cut. It speaks to the server's management interface (management-notes.txt of
// OpenVPN: client-pending-auth, client-auth, client-kill). Node.js 20 or newer, no package.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Client, form } from './oidc.mjs';

const need = (name) => process.env[name] ?? (() => { throw new Error(`${name} is not set`); })();
const base = need('BASE_URL');
/** How often the provider is asked whether each tunnel's session lives, in seconds: should its word of a logout once not arrive. */
const CHECK_S = Number(process.env.CHECK_S ?? 30);
/** How long a person has for the login, in seconds; OpenVPN allows at most its hand-window, 60 by default. */
const LOGIN_S = 60;
/** At most so many connections wait for their login at once. */
const MAX_WAITING = 1_000;

const client = new Client({ issuer: need('MAPAE_URL'), id: need('MAPAE_CLIENT_ID'), secret: need('MAPAE_CLIENT_SECRET'), redirectUri: `${base}/callback` });

/** Connections that wait for their login, by the name in the address that the client opens. */
const waiting = new Map();
/** Open tunnels: client id → who it is. */
const tunnels = new Map();

const management = connect(need('MANAGEMENT'));
const tell = (line) => management.write(`${line}\n`);
management.once('error', (error) => { console.error(`OpenVPN's management interface: ${error.message}`); process.exit(1); });
management.once('close', () => { console.error('OpenVPN has gone'); process.exit(1); });

const number = (text) => {
  if (!/^\d{1,10}$/.test(text)) throw new Error('OpenVPN names a client by something that is no number');
  return text;
};

/** A connection: OpenVPN has checked the machine's certificate; now the person is asked for. */
function ask(cid, kid, env) {
  if (!(env.IV_SSO ?? '').split(',').includes('webauth')) {
    return tell(`client-deny ${cid} ${kid} "no webauth" "This client cannot open a login page (IV_SSO webauth)."`);
  }
  if (waiting.size >= MAX_WAITING) return tell(`client-deny ${cid} ${kid} "too many" "Too many logins wait. Try again."`);
  const name = randomBytes(18).toString('base64url');
  waiting.set(name, { cid, kid, machine: env.common_name ?? '', address: env.untrusted_ip ?? '', until: Date.now() + LOGIN_S * 1000 });
  tell(`client-pending-auth ${cid} ${kid} WEB_AUTH:external:${base}/start/${name} ${LOGIN_S}`);
}

/** A new key for an open tunnel: for the same person, as long as the session lives. */
async function again(cid, kid) {
  const tunnel = tunnels.get(cid);
  const lives = tunnel && (await client.person(tunnel.token));
  tell(lives ? `client-auth-nt ${cid} ${kid}` : `client-deny ${cid} ${kid} "session ended" "Log in anew."`);
}

let event;
createInterface({ input: management }).on('line', (line) => {
  const [, kind, rest] = /^>CLIENT:(CONNECT|REAUTH|ESTABLISHED|DISCONNECT|ENV),(.*)$/.exec(line) ?? [];
  if (!kind) return;
  if (kind !== 'ENV') {
    const [cid, kid] = rest.split(',');
    event = { kind, cid: number(cid), kid, env: {} };
    return;
  }
  if (rest !== 'END') {
    const at = rest.indexOf('=');
    if (event && at > 0) event.env[rest.slice(0, at)] = rest.slice(at + 1);
    return;
  }
  const { kind: what, cid, kid, env } = event ?? {};
  event = undefined;
  if (what === 'CONNECT') ask(cid, number(kid), env);
  if (what === 'REAUTH') {
    again(cid, number(kid)).catch((error) => {
      console.error(`a new key was refused: ${error.message}`);
      tell(`client-deny ${cid} ${kid} "not checked" "The login can't be checked now. Try again."`);
    });
  }
  if (what === 'DISCONNECT') tunnels.delete(cid);
});

function cut(cid) {
  const { who } = tunnels.get(cid);
  tunnels.delete(cid);
  // HALT: the client does not come back by itself.
  tell(`client-kill ${cid} HALT`);
  console.log(`cut the tunnel of ${who}`);
}

/** Asks after every tunnel; one whose session has ended at the provider is cut. */
async function check() {
  for (const [name, { until }] of waiting) if (until < Date.now()) waiting.delete(name);
  for (const [cid, { token, who }] of tunnels) {
    try {
      if (!(await client.person(token)) && tunnels.has(cid)) cut(cid);
    } catch (error) {
      console.error(`the tunnel of ${who} could not be checked: ${error.message}`);
    }
  }
  setTimeout(check, CHECK_S * 1000);
}

const escape = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.codePointAt(0)};`);
const page = (title, body) => `<!doctype html><html lang="ko"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<link rel="stylesheet" href="/vpn.css"><main><h1>${title}</h1>${body}</main></html>`;
const style = `body{font:16px/1.6 sans-serif;background:#eef2f0;color:#16202c;margin:0}main{max-width:36rem;margin:4rem auto;background:#fff;padding:2rem;border:1px solid #cdd6d2}
dt{color:#556}dd{margin:0 0 .6rem;font-weight:600}button{font:inherit;padding:.6rem 1.4rem;background:#0f766e;color:#fff;border:0;border-radius:4px}`;

const cookieOf = (request) => /(?:^|;\s*)vpn=([\w-]{24})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
const gone = { status: 410, body: page('연결 요청이 끝났습니다', '<p>VPN에서 다시 연결하세요.</p>') };

/** What the person is asked before the login: whose tunnel this opens. An address that somebody else sent would name another machine. */
const question = (name, { machine, address }) => page('VPN 연결 (예시)', `<p>아래 기기의 VPN을 여는 로그인입니다. 지금 내가 연결한 기기가 아니면 이 창을 닫으세요.</p>
<dl><dt>기기</dt><dd>${escape(machine)}</dd><dt>기기의 주소</dt><dd>${escape(address)}</dd></dl>
<form method="post" action="/start/${name}"><button>내 기기입니다. 공무원증으로 로그인</button></form>`);

async function answer(request, response, url) {
  const [, name] = /^\/start\/([\w-]{24})$/.exec(url.pathname) ?? [];
  if (name) {
    const asked = waiting.get(name);
    if (!asked || asked.until < Date.now()) return gone;
    if (request.method !== 'POST') return { body: question(name, asked) };
    if (request.headers.origin !== new URL(base).origin) return { status: 403, body: page('거절', '<p>이 창에서 다시 시작하세요.</p>') };
    const { url: to, kept } = await client.begin();
    // The login belongs to this browser and to this connection.
    asked.login = { kept, cookie: randomBytes(18).toString('base64url') };
    response.setHeader('set-cookie', `vpn=${asked.login.cookie}; HttpOnly; SameSite=Lax; Path=/${base.startsWith('https:') ? '; Secure' : ''}`);
    return { location: to };
  }
  if (url.pathname === '/callback') {
    const cookie = cookieOf(request);
    const [found, asked] = [...waiting].find(([, { login }]) => cookie !== undefined && login?.cookie === cookie) ?? [];
    if (!asked || asked.until < Date.now()) return gone;
    waiting.delete(found);
    try {
      const { token, sub, sid, person } = await client.finish(asked.login.kept, url.searchParams);
      tunnels.set(asked.cid, { token, sub, sid, who: person.employee_number });
      tell(`client-auth ${asked.cid} ${asked.kid}\nEND`);
      console.log(`opened a tunnel for ${person.employee_number}`);
      return { body: page('VPN이 연결되었습니다', `<dl><dt>이름</dt><dd id="name">${escape(person.name)}</dd><dt>기기</dt><dd>${escape(asked.machine)}</dd></dl><p>이 창은 닫아도 됩니다.</p>`) };
    } catch (error) {
      tell(`client-deny ${asked.cid} ${asked.kid} "login failed" "The login failed."`);
      throw error;
    }
  }
  // The provider says that a login has ended (Back-Channel Logout 1.0).
  if (url.pathname === '/logout' && request.method === 'POST') {
    const ended = await client.loggedOut((await form(request))?.get('logout_token'));
    for (const [cid, tunnel] of tunnels) if (ended(tunnel)) cut(cid);
    return { body: '' };
  }
  if (url.pathname === '/vpn.css') return { type: 'text/css', body: style };
  return { status: 404, body: page('없는 주소', '') };
}

createServer(async (request, response) => {
  const answered = await answer(request, response, new URL(request.url, base)).catch((error) => {
    console.error(error.message);
    return { status: 403, body: page('로그인하지 못했습니다', '<p>VPN에서 다시 연결하세요.</p>') };
  });
  response.writeHead(answered.status ?? (answered.location ? 303 : 200), {
    ...(answered.location ? { location: answered.location } : {}),
    'content-type': answered.type ?? 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
  });
  response.end(answered.body);
}).listen(Number(need('PORT')), '127.0.0.1', () => {
  console.log(`listening: ${base}`);
  check();
});
