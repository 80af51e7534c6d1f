// A relying party: asks a badge for two claims, shows the link that a wallet opens, and prints the verified result.
// With WEBHOOK_PORT the result is brought here as a signed event (register the address before: `mapae relying-party
// webhook ID http://…/mapae`); without it the handle is polled. No package is needed.
import { createServer } from 'node:http';

const base = process.env.MAPAE_URL ?? 'http://localhost:8600';
const key = process.env.MAPAE_API_KEY;
if (!key) throw new Error('set MAPAE_API_KEY to the key of your relying party');
const port = process.env.WEBHOOK_PORT;
const clientId = process.env.MAPAE_CLIENT_ID;

async function call(path, options = {}) {
  const response = await fetch(new URL(path, base), {
    ...options,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`${body.code}: ${body.detail}`);
  return body;
}

const json = (part) => JSON.parse(Buffer.from(part, 'base64url'));

/** The claims of an event, once its signature, type, issuer, audience and time hold. */
async function verifyEvent(jwt) {
  const [head, payload, signature] = jwt.split('.');
  const { alg, typ, kid } = json(head);
  if (alg !== 'ES256' || typ !== 'mapae-verification+jwt') throw new Error('another kind of token');
  const { keys } = await (await fetch(new URL('/verification/jwks', base))).json();
  const jwk = keys.find((candidate) => candidate.kid === kid);
  if (!jwk) throw new Error('a key that nobody published');
  const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('jwk', { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, ecdsa, false, ['verify']);
  const signed = new TextEncoder().encode(`${head}.${payload}`);
  if (!(await crypto.subtle.verify(ecdsa, imported, Buffer.from(signature, 'base64url'), signed))) throw new Error('a wrong signature');
  const claims = json(payload);
  const now = Date.now() / 1000;
  if (claims.iss !== base || claims.aud !== clientId || claims.exp < now || claims.iat > now + 60) throw new Error('not for us, or not now');
  return claims;
}

/** Waits for the event of a verification; answers 204 to it, and an error to anything else, which is then brought again. */
function listen(reference) {
  return new Promise((done) => {
    const server = createServer((request, response) => {
      const pieces = [];
      request.on('data', (piece) => pieces.push(piece));
      request.on('end', async () => {
        try {
          const event = await verifyEvent(Buffer.concat(pieces).toString());
          response.writeHead(204).end();
          if (event.reference === (await reference)) {
            server.close();
            done(event.verification);
          }
        } catch (error) {
          console.error(`refused: ${error.message}`);
          response.writeHead(400).end();
        }
      });
    }).listen(Number(port), '127.0.0.1');
  });
}

async function poll(id, seconds) {
  for (let waited = 0; waited < seconds; waited += 1) {
    const standing = await call(`/api/v1/verifications/${id}`);
    if (standing.state !== 'pending') return standing;
    await new Promise((done) => setTimeout(done, 1000));
  }
  throw new Error('nobody answered');
}

let tell;
const reference = new Promise((done) => { tell = done; });
const event = port ? listen(reference) : undefined;
const created = await call('/api/v1/verifications', {
  method: 'POST',
  body: JSON.stringify({ claims: ['name', 'inst_code'], webhook: Boolean(port) }),
});
tell(created.reference);
console.log('Show this as a QR or a button, or send the person to the page:');
console.log(created.link);
console.log(created.page);

const standing = await (event ?? poll(created.id, created.expires_in));
if (standing.state !== 'verified') throw new Error(`declined: ${standing.error}`);
const { claims, issuer, freshness } = standing;
console.log(JSON.stringify({ claims, issuer, freshness }));
