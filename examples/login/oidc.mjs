// A small OpenID Connect client for Node.js 20 or newer, no package: code flow with PKCE, everything checked.
// It is what the two examples beside it log people in with; any kept library does as well.
import { createHash, createPublicKey, randomBytes, timingSafeEqual, verify } from 'node:crypto';

const CLOCK_SKEW_S = 60;
const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';
const MAX_ANSWER = 64 * 1024;

const random = () => randomBytes(32).toString('base64url');
const sha256 = (text) => createHash('sha256').update(text).digest();

/** Why a login failed; the message is for the log, not for the page. */
export class LoginFailed extends Error {}

const insist = (kept, rule) => {
  if (!kept) throw new LoginFailed(`refused: ${rule}`);
};

async function json(url, options = {}) {
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(10_000), ...options });
  const text = await response.text();
  insist(text.length <= MAX_ANSWER, `${url} answers too much`);
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new LoginFailed(`${url} answered ${response.status} and no JSON`);
  }
  return { status: response.status, ok: response.ok, body };
}

/** The form that a request brings, or `undefined` where it is too long. */
export async function form(request) {
  let text = '';
  for await (const part of request) {
    text += part;
    if (text.length > MAX_ANSWER) return undefined;
  }
  return new URLSearchParams(text);
}

export class Client {
  #provider;

  constructor({ issuer, id, secret, redirectUri }) {
    Object.assign(this, { issuer, id, secret, redirectUri });
  }

  /** The provider's metadata, asked for once. */
  async #metadata() {
    if (!this.#provider) {
      const { ok, body } = await json(`${this.issuer}/.well-known/openid-configuration`);
      insist(ok && body.issuer === this.issuer, 'the metadata is of another issuer');
      this.#provider = body;
    }
    return this.#provider;
  }

  /** Begins a login: where to send the browser, and what to keep until it returns, in that browser's session. */
  async begin(scope = 'openid badge') {
    const kept = { state: random(), nonce: random(), verifier: random() };
    const url = new URL((await this.#metadata()).authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: 'code', client_id: this.id, redirect_uri: this.redirectUri, scope, state: kept.state, nonce: kept.nonce,
      code_challenge: sha256(kept.verifier).toString('base64url'), code_challenge_method: 'S256',
    });
    return { url: url.href, kept };
  }

  /** Finishes a login with the query that the browser came back with; resolves with who it is. */
  async finish(kept, query) {
    const same = (a, b) => timingSafeEqual(sha256(a ?? ''), sha256(b ?? ''));
    insist(same(query.get('state'), kept.state), 'state');
    insist(query.get('iss') === this.issuer, 'iss (RFC 9207)');
    insist(!query.has('error'), `the provider says ${query.get('error')}`);
    const provider = await this.#metadata();
    const { ok, body: tokens } = await json(provider.token_endpoint, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${encodeURIComponent(this.id)}:${encodeURIComponent(this.secret)}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'authorization_code', code: query.get('code') ?? '', redirect_uri: this.redirectUri, code_verifier: kept.verifier }),
    });
    insist(ok, `the token endpoint says ${tokens.error}`);
    const claims = await this.#verified(tokens.id_token);
    insist(same(claims.nonce, kept.nonce), 'nonce');
    insist(claims.exp > Date.now() / 1000 - CLOCK_SKEW_S, 'exp');
    const person = await this.person(tokens.access_token);
    insist(person && person.sub === claims.sub, 'userinfo is about somebody else');
    return { token: tokens.access_token, sub: claims.sub, sid: claims.sid, person };
  }

  /** Who a token belongs to; `undefined` once the provider has ended the session, for example because the badge is suspended. */
  async person(token) {
    const { userinfo_endpoint: endpoint } = await this.#metadata();
    const { ok, status, body } = await json(endpoint, { headers: { authorization: `Bearer ${token}` } });
    if (status === 401) return undefined;
    insist(ok, `userinfo answered ${status}`);
    return body;
  }

  /** Which login a logout token ends (Back-Channel Logout 1.0 §2.6); resolves with a test for what `finish` told. */
  async loggedOut(jwt) {
    const { sid, sub, exp, events, nonce } = await this.#verified(jwt);
    insist(events?.[LOGOUT] && nonce === undefined && (sid ?? sub), 'no logout token');
    insist(exp > Date.now() / 1000 - CLOCK_SKEW_S, 'exp');
    return (login) => (sid ? login.sid === sid : login.sub === sub);
  }

  /** The claims of a JWT that the provider signed for us (OpenID Connect Core §3.1.3.7). */
  async #verified(jwt) {
    const [head, payload, signature] = (jwt ?? '').split('.');
    insist(signature, 'no JWT');
    const header = JSON.parse(Buffer.from(head, 'base64url'));
    const rules = { ES256: { kty: 'EC', dsaEncoding: 'ieee-p1363' }, RS256: { kty: 'RSA' } }[header.alg];
    insist(rules, 'alg');
    const { body: jwks } = await json((await this.#metadata()).jwks_uri);
    const jwk = jwks.keys.find((key) => key.kid === header.kid && key.kty === rules.kty);
    insist(jwk, 'kid');
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: rules.dsaEncoding };
    insist(verify('sha256', Buffer.from(`${head}.${payload}`), key, Buffer.from(signature, 'base64url')), 'signature');
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    insist(claims.iss === this.issuer, 'iss');
    insist([claims.aud].flat().includes(this.id), 'aud');
    insist(claims.iat < Date.now() / 1000 + CLOCK_SKEW_S, 'iat');
    return claims;
  }
}
