// The operator's side of a judge: relying parties are registered and badges suspended on the server's command line.
import { execFile } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { demo } from '../demo.mjs';

const run = promisify(execFile);

/** Runs `mapae …` as the operator of the demo's server. */
export async function operator(...args) {
  const { stdout } = await run(process.env.MAPAE, args, { env: { ...process.env, ...demo.operator.environment } });
  return stdout;
}

export const REDIRECT = 'http://localhost:9/callback';

/** Registers a relying party; `add` and `set` are arguments of `relying-party add` and `login-client set`. */
export async function register(id, { add = [], set = [], redirect = REDIRECT } = {}) {
  const told = await operator('relying-party', 'add', '--id', id, '--name-ko', '예시 이용기관', '--name-en', 'Example party', '--redirect-uri', redirect, '--json', ...add);
  if (set.length) await operator('login-client', 'set', id, ...set);
  return JSON.parse(told);
}

/** Writes a JWK Set into a file and returns its path. */
export function jwksFile(keys) {
  const file = join(mkdtempSync(join(tmpdir(), 'mapae-jwks-')), 'jwks.json');
  writeFileSync(file, JSON.stringify({ keys }));
  return file;
}
