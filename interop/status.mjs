// npm `@owf/token-status-list` reads our status lists in both forms; it and we agree on every entry.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { StatusListCwt, getListFromStatusListJWT } from '@owf/token-status-list';
import { importJWK, jwtVerify } from 'jose';
import { demo } from './demo.mjs';

const file = (name) => readFileSync(join(process.env.STATUS_FOLDER, name));

/** Where two lists of statuses differ, the first few places. */
const differences = (one, other) => one.flatMap((status, index) => (status === other[index] ? [] : [index])).slice(0, 5);

test('100,000 entries, as JWT and as CWT: every one is what we say it is', async () => {
  const truth = [...file('truth.bin')];
  assert.equal(truth.length, 100_000);
  const jwt = file('list.jwt').toString();
  const { protectedHeader, payload } = await jwtVerify(jwt, await importJWK(JSON.parse(file('key.jwk')), 'ES256'), { typ: 'statuslist+jwt' });
  assert.equal(protectedHeader.alg, 'ES256');
  assert.equal(payload.ttl, 60);
  const asJwt = getListFromStatusListJWT(jwt);
  const asCwt = StatusListCwt.fromToken(file('list.cwt'));
  assert.equal(asCwt.payload.subject, payload.sub);
  assert.equal(asCwt.payload.timeToLive, 60);
  for (const [form, list] of [['JWT', asJwt], ['CWT', asCwt.payload.statusList]]) {
    assert.equal(list.getBitsPerStatus(), 2, form);
    assert.deepEqual(differences(truth, list.statusList), [], form);
  }
});

test('the list that the running server serves: both forms agree, and the demo badge is valid in it', async () => {
  const { uri, index } = demo.badge.status_list;
  const get = async (accept) => {
    const response = await fetch(uri, { headers: { accept } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), accept);
    const again = await fetch(uri, { headers: { accept, 'if-none-match': response.headers.get('etag') } });
    assert.ok([200, 304].includes(again.status));
    return Buffer.from(await response.arrayBuffer());
  };
  const jwt = getListFromStatusListJWT((await get('application/statuslist+jwt')).toString());
  const cwt = StatusListCwt.fromToken(await get('application/statuslist+cwt')).payload.statusList;
  // Token Status List §9: whoever verifies offline fetches all lists ahead.
  const { status_lists: all } = await (await fetch(jwt.aggregationUri ?? new URL('/status', demo.urls.public))).json();
  assert.ok(all.includes(uri), `${uri} among ${all}`);
  assert.ok(jwt.statusList.length >= 2 ** 17, `${jwt.statusList.length} entries`);
  assert.deepEqual(differences(jwt.statusList, cwt.statusList), []);
  assert.equal(jwt.getStatus(index), 0);
});
