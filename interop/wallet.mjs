// The wallet app in headless Chromium, as its holder uses it; axe-core looks at each screen in light and dark.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PIN, Phone, api, applicant, browser, cameraSees, loginPage, operate, order, shot } from './app.mjs';
import { demo } from './demo.mjs';

const folder = mkdtempSync(join(tmpdir(), 'mapae-camera-'));
const camera = join(folder, 'camera.y4m');
let chromium;
let phone;
let holder;

before(async () => {
  chromium = await browser(camera);
  holder = applicant();
});

after(async () => {
  await chromium?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('set-up: install page, activation code, identity, phone code, passkey, PIN, badge', async () => {
  phone = await Phone.on(chromium);
  await phone.setUp(holder, { look: true });
  await phone.look('card');
  await phone.press('상세 보기');
  await phone.at('모바일 공무원증');
  await phone.look('details');
  await phone.press('뒤로');
  assert.deepEqual(phone.complaints, []);
});

test('what lies in the browser is sealed, and no script reads a key', async () => {
  const found = await phone.page.evaluate(async (name) => {
    const db = await new Promise((done) => { indexedDB.open('mapae-wallet').onsuccess = (event) => done(event.target.result); });
    const all = (store) => new Promise((done) => { db.transaction(store).objectStore(store).getAll().onsuccess = (event) => done(event.target.result); });
    const keys = await all('keys');
    const readable = [];
    for (const key of keys) {
      try {
        await crypto.subtle.exportKey(key.type === 'secret' ? 'raw' : 'pkcs8', key);
        readable.push(key.type);
      } catch { /* as it should be */ }
    }
    const text = (await all('records')).map((record) => new TextDecoder().decode(record)).join('\n');
    db.close();
    return { keys: keys.length, readable, named: text.includes(name), vault: text.includes('MPVT') };
  }, holder.name);
  assert.ok(found.keys > 20, 'a device key and a key for each copy');
  assert.deepEqual(found.readable, []);
  assert.equal(found.named, false, 'the holder’s name lies in the clear');
  assert.ok(found.vault);
});

test('closed and opened again with the passkey', async () => {
  await phone.unlock('내 공무원증');
});

test('login by the scanned QR with the right number', async () => {
  const site = await loginPage(chromium);
  await cameraSees(site.page, '[data-qr]', camera);
  await phone.press('QR 촬영');
  await phone.at('QR 촬영');
  await phone.at(/로그인$/, 20000);
  await phone.look('consent');
  await phone.press('동의하고 계속');
  await phone.at('번호 확인');
  await phone.look('number');
  await phone.type(site.number);
  await phone.at('로그인했습니다');
  await phone.look('result');
  await site.page.waitForURL(new URL('/', demo.urls.relying_party).href, { timeout: 15000 });
  assert.match(await site.page.innerText('main'), /예시/);
  await site.close();
  assert.deepEqual(phone.complaints, []);
});

test('the wrong number ends the login on both screens, and nothing is told', async () => {
  const site = await loginPage(chromium);
  await phone.link(site.link);
  await phone.at(/로그인$/);
  await phone.press('동의하고 계속');
  await phone.at('번호 확인');
  await phone.type(String((Number(site.number) + 1) % 100).padStart(2, '0'));
  await phone.at('번호가 다릅니다');
  await phone.look('number-wrong');
  await site.page.waitForSelector('[data-state="number_wrong"]:not([hidden])', { timeout: 15000 });
  await site.close();
});

test('an optional claim stays off unless the holder turns it on', async () => {
  const ask = async () => {
    const claims = [{ id: 'a', path: ['name'] }, { id: 'b', path: ['position'] }];
    const query = { credentials: [{ id: 'badge', format: 'dc+sd-jwt', meta: { vct_values: [`${demo.urls.public}/types/badge`] }, claims, claim_sets: [['a', 'b'], ['a']] }] };
    return api(demo.urls.public, '/api/v1/verifications', { body: { dcql_query: query }, token: demo.relying_party.api_key });
  };
  const result = async (made) => api(demo.urls.public, `/api/v1/verifications/${made.id}`, { method: 'GET', token: demo.relying_party.api_key });
  for (const wanted of [false, true]) {
    const made = await ask();
    await phone.link(made.link);
    await phone.at('보여 주기');
    if (wanted) await phone.page.getByRole('checkbox').first().check();
    else await phone.look('consent-optional');
    await phone.press('동의하고 계속');
    await phone.at('보여 주었습니다');
    const { state, claims } = await result(made);
    assert.equal(state, 'verified');
    assert.deepEqual(Object.keys(claims).sort(), wanted ? ['name', 'position'] : ['name']);
  }
});

test('requests of another scheme, answered or refused ones are told apart', async () => {
  await phone.link('https://evil.example/wallet/open?client_id=x', { refused: true });
  await phone.told(/다른 사이트/);
  await phone.link('WIFI:T:WPA;S:x;;', { refused: true });
  await phone.told(/읽을 수 있는 QR이 아닙니다/);
  const site = await loginPage(chromium);
  await phone.link(site.link);
  await phone.at(/로그인$/);
  await phone.press('거절');
  await phone.at('내 공무원증');
  await site.page.waitForSelector('[data-state="denied"]:not([hidden])', { timeout: 15000 });
  await site.close();
});

test('the history is kept on the phone, searched and saved', async () => {
  await phone.home();
  await phone.press('사용 내역');
  await phone.at('사용 내역');
  await phone.look('history');
  await phone.page.fill('#search', '로그인');
  assert.ok(await phone.page.locator('.history li').count() >= 1);
  await phone.page.fill('#search', '없는 말');
  await phone.page.getByText('찾는 기록이 없습니다').waitFor();
  await phone.page.fill('#search', '');
  const [saved] = await Promise.all([phone.page.waitForEvent('download'), phone.press('파일로 저장')]);
  const text = readFileSync(await saved.path(), 'utf8');
  assert.match(text, /^\uFEFFtime,kind/);
  assert.match(text, /,login,/);
});

test('settings, what protects this app, and English', async () => {
  await phone.home();
  await phone.press('설정');
  await phone.at('설정');
  await phone.look('settings');
  for (const [row, title, name] of [['이 앱의 보안 수준', '이 앱의 보안 수준', 'security'], ['분실', '분실', 'loss'], ['기기 변경', '기기 변경', 'device'], ['자동 잠금', '자동 잠금', 'auto-lock'], ['알림', '알림', 'notices']]) {
    await phone.press(row);
    await phone.at(title);
    await phone.look(name);
    if (name === 'security') {
      const text = await phone.page.innerText('main');
      assert.match(text, /패스키의 비밀로만/);
      assert.match(text, /하드웨어 보호는 증명되지 않습니다/);
      assert.doesNotMatch(text, /TEE로 보호/);
    }
    await phone.press('뒤로');
  }
  await phone.press('언어');
  await phone.at('Settings');
  await phone.look('settings-english');
  const english = (await phone.page.innerText('main')).replace('한국어', '');
  assert.doesNotMatch(english, /[가-힣]/, 'Korean is left in English, beside the name of the language');
  await phone.press('Language');
  await phone.at('설정');
});

test('a change of PIN that is killed in the middle goes on after the restart', async () => {
  await phone.home();
  await phone.press('설정');
  await phone.press('PIN 바꾸기');
  await phone.at('PIN 바꾸기');
  await phone.look('pin-old');
  await phone.type(PIN);
  await phone.at('PIN 정하기');
  let sent = 0;
  await phone.page.route('**/wallet/v1/instructions', (route) => {
    sent += 1;
    // The first announces the new PIN; the second, which would finish, never arrives.
    return sent > 1 ? route.abort() : route.continue();
  });
  await phone.type('739264');
  await phone.type('739264');
  await phone.page.waitForTimeout(1500);
  await phone.page.unroute('**/wallet/v1/instructions');
  await phone.unlock('끝나지 않은 PIN 변경');
  await phone.look('pin-pending');
  await phone.press('새 PIN으로 마치기');
  await phone.type('739264');
  await phone.at('내 공무원증');
});

test('five wrong PINs lock; two operators unlock; a new PIN follows', async () => {
  await phone.home();
  await phone.press('설정');
  await phone.press('PIN 바꾸기');
  for (const left of [4, 3, 2, 1]) {
    await phone.at('PIN 바꾸기');
    await phone.type('111222');
    await phone.told(new RegExp(`${left}번 남았습니다`));
  }
  await phone.look('pin-wrong');
  await phone.type('111222');
  await phone.at('PIN이 잠겼습니다');
  await phone.look('locked');
  const { code } = await operate('unlock', holder, '--by', 'yesi.insa', '--second', 'yesi.insa2');
  await phone.press('풀렸는지 확인');
  await phone.at('잠금 해제 코드');
  await phone.look('unlock-code');
  await phone.page.fill('#unlock-code', code);
  await phone.press('다음');
  await phone.at('PIN 정하기');
  await phone.type(PIN);
  await phone.type(PIN);
  await phone.at('내 공무원증');
});

test('suspended: locked and kept; resumed: as before', async () => {
  await order('suspend', holder, '--by', 'yesi.boan', '--reason', 'loss');
  await phone.unlock('사용이 중지되었습니다');
  await phone.look('suspended');
  await phone.press('다시 확인');
  await phone.told(/아직 중지/);
  await order('resume', holder, '--by', 'yesi.boan', '--reason', 'found');
  await phone.press('다시 확인');
  await phone.at('내 공무원증');
});

test('a notice is shown, and the open app hears it', async () => {
  const registration = await phone.worker();
  await phone.cdp.send('ServiceWorker.deliverPushMessage', { origin: demo.urls.public, registrationId: registration, data: JSON.stringify({ kind: 'login', at: Date.now() }) });
  await phone.page.getByText('본인이 아니면 바로 신고하세요').first().waitFor({ timeout: 10000 });
  await phone.look('notice');
  await phone.press('확인');
});

test('a new version installs beside the old one and takes over when the holder says so', async () => {
  const worker = join(process.env.WALLET_APP, 'sw.js');
  const before = readFileSync(worker);
  rmSync(`${worker}.gz`, { force: true });
  try {
    writeFileSync(worker, Buffer.concat([before, Buffer.from('// the next version\n')]));
    await phone.unlock('내 공무원증');
    await phone.page.evaluate(() => navigator.serviceWorker.getRegistration('/wallet/').then((found) => found.update()));
    await phone.page.getByText('새 버전이 준비').waitFor({ timeout: 15000 });
    await phone.look('update');
    // The app starts again with the new version; the old page shows the same heading until then.
    const again = phone.page.waitForEvent('load', { timeout: 20000 });
    await phone.press('새 버전 쓰기');
    await again;
    await phone.at('내 공무원증', 20000);
  } finally {
    writeFileSync(worker, before);
  }
});

/** The phone of somebody who checks: the page, with the camera at the other screen. */
async function checking(look) {
  const context = await chromium.newContext({ viewport: { width: 360, height: 740 }, locale: 'ko-KR', timezoneId: 'Asia/Seoul', permissions: ['camera'] });
  const page = await context.newPage();
  const complaints = [];
  page.on('console', (said) => said.type() === 'error' && complaints.push(said.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(new URL('/check', demo.urls.public).href);
  await page.locator('h1', { hasText: '눈앞의 공무원증 확인' }).waitFor();
  if (look) await shot(page, 'check', 'page');
  return {
    page,
    complaints,
    read: () => page.locator('[data-part="start"]').click(),
    verdict: async () => {
      await page.locator('[data-part="result"]:not([hidden])').waitFor({ timeout: 20000 });
      return page.innerText('[data-part="result"]');
    },
    close: () => context.close(),
  };
}

test('the badge is shown to a person: their page reads one code, asks, and verifies what the holder agrees to', async () => {
  const before = phone.complaints.length;
  await phone.unlock('내 공무원증');
  await phone.press('QR 보이기');
  await phone.at('공무원증 보이기');
  await phone.page.locator('.showing img').waitFor();
  await phone.look('meeting');
  const guard = await checking(true);
  await cameraSees(phone.page, '.showing img', camera);
  await guard.read();
  await phone.page.getByRole('button', { name: '보이기', exact: true }).waitFor({ timeout: 20000 });
  await phone.look('meeting-asked');
  const asked = await phone.page.innerText('main');
  assert.match(asked, /확인하는 사람이 누구인지는 앱이 알 수 없습니다/);
  assert.ok(asked.includes(holder.name), 'the holder sees what will be told');
  await phone.page.getByRole('button', { name: '보이기', exact: true }).click();
  const told = await guard.verdict();
  await shot(guard.page, 'check-valid', 'page');
  assert.match(told, /유효한 공무원증입니다/);
  assert.ok(told.includes(holder.name), told);
  await phone.page.locator('.notice.good').waitFor();
  assert.match(await phone.page.innerText('main'), /보여 줬습니다/);
  assert.deepEqual(guard.complaints, []);
  await guard.close();
  await phone.press('처음으로');
  assert.deepEqual(phone.complaints.slice(before), []);
});

test('a holder who says no shows nothing, and a code works once', async () => {
  await phone.press('QR 보이기');
  await phone.page.locator('.showing img').waitFor();
  const guard = await checking();
  await cameraSees(phone.page, '.showing img', camera);
  await guard.read();
  await phone.page.getByRole('button', { name: '보이지 않기' }).click({ timeout: 20000 });
  assert.match(await guard.verdict(), /보여 주지 않기로/);
  // The camera still sees the old code.
  await guard.page.locator('[data-part="again"]').click();
  assert.match(await guard.verdict(), /연결되지 않았습니다/);
  await guard.close();
});

test('the badge is shown by a loop of QR codes, which verifies', async () => {
  await phone.unlock('내 공무원증');
  await phone.press('QR 보이기');
  await phone.press('상대가 인터넷에 연결할 수 없을 때');
  await phone.at('QR 보이기');
  await phone.page.locator('.showing img').waitFor();
  await phone.look('showing');
  const text = await phone.collect();
  // The page takes the same text as one code.
  const guard = await checking();
  await guard.page.locator('summary').click();
  const codes = text.match(/.{1,500}/gs);
  const id = createHash('sha256').update(text).digest('hex').slice(0, 8);
  await guard.page.locator('#code').fill(codes.map((part, at) => `MQ1:${id}:${at + 1}/${codes.length}:${part}`).join('\n'));
  await guard.page.getByRole('button', { name: '확인', exact: true }).click();
  const told = await guard.verdict();
  assert.match(told, /유효한 공무원증입니다/);
  assert.match(told, /얼굴을 꼭 확인/);
  await shot(guard.page, 'check-screen', 'page');
  assert.deepEqual(guard.complaints, []);
  await guard.close();
  const [, payload] = text.split('~')[0].split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const binding = text.split('~').at(-1);
  const [head, body, signature] = binding.split('.');
  const key = await crypto.subtle.importKey('jwk', claims.cnf.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify']);
  assert.ok(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(signature, 'base64url'), Buffer.from(`${head}.${body}`)), 'the holder signed it');
  const disclosed = text.split('~').slice(1, -1).map((part) => JSON.parse(Buffer.from(part, 'base64url'))[1]);
  assert.deepEqual(disclosed.filter((name) => name !== undefined).sort(), ['agency_name', 'is_serving', 'name', 'valid_until']);
  assert.equal(JSON.parse(Buffer.from(body, 'base64url')).aud, 'urn:mapae:screen');
});

test('the time from a cold start to the card on a slow phone is told', async () => {
  await phone.unlock('내 공무원증');
  await phone.cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  const times = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await phone.page.goto('about:blank');
    const begun = Date.now();
    await phone.open();
    await phone.page.locator('.face').waitFor();
    times.push(Date.now() - begun);
  }
  await phone.cdp.send('Emulation.setCPUThrottlingRate', { rate: 1 });
  console.log(`cold start to the card, 4× CPU throttle: ${times.join(', ')} ms`);
});

test('without a network the card is there; a login says why it has to wait', async () => {
  await phone.open();
  await phone.context.setOffline(true);
  try {
    const reloaded = await phone.page.reload();
    assert.ok(reloaded.fromServiceWorker(), 'the page came from the service worker');
    await phone.at('내 공무원증');
    await phone.page.getByText('서버에 닿지 않습니다').waitFor({ timeout: 20000 });
    await phone.look('offline');
    await phone.link('openid4vp://?client_id=x509_hash%3Aabc&request_uri=http%3A%2F%2Flocalhost%3A9%2Fx', { refused: true });
    await phone.told(/닿지 못했습니다/);
  } finally {
    await phone.context.setOffline(false);
  }
});

test('one tab holds the wallet; the other says so and can take it', async () => {
  const first = phone.page;
  const second = await phone.context.newPage();
  await second.goto(new URL('/wallet/', demo.urls.public).href);
  await second.locator('h1', { hasText: '다른 탭에서 쓰고 있습니다' }).waitFor();
  await second.getByRole('button', { name: '여기에서 쓰기' }).click();
  await second.locator('h1', { hasText: '공무원증이 잠겨 있습니다' }).waitFor();
  await phone.at('다른 탭에서 쓰고 있습니다');
  await phone.look('other-tab');
  await second.close();
  phone.page = first;
  await phone.press('여기에서 쓰기');
  await phone.at('내 공무원증');
});

test('the app was deleted: passkey, phone code and PIN bring the account back', async () => {
  await phone.erase();
  await phone.open();
  await phone.at('활성화 코드 입력');
  await phone.press('앱을 지웠다가');
  await phone.at('공무원증 복구');
  await phone.look('recover');
  await phone.codeAfter(holder, () => phone.press('패스키 확인'));
  await phone.press('다음');
  await phone.at('쓰던 PIN 입력');
  await phone.look('recover-pin');
  await phone.type(PIN);
  await phone.at('내 공무원증', 30000);
});

test('revoked by two persons: everything is gone, and it says why', async () => {
  const { state } = await order('revoke', holder, '--by', 'yesi.boan', '--second', 'yesi.insa', '--reason', 'employment_ended');
  assert.equal(state, 'revoked');
  await phone.unlock('공무원증이 끝났습니다');
  await phone.look('wiped');
  assert.deepEqual(await phone.stored(), { records: ['settings'], keys: [] });
  await phone.open();
  await phone.at('활성화 코드 입력');
});

test('a forgotten PIN: proofing and passkey again, then the new PIN rests for a day', async () => {
  const who = applicant();
  const other = await Phone.on(chromium);
  await other.setUp(who);
  await other.press('설정');
  await other.press('PIN 바꾸기');
  await other.at('PIN 바꾸기');
  await other.press('PIN을 잊었습니다');
  await other.at('본인확인');
  await other.page.fill('#name', who.name);
  await other.page.fill('#rrn', who.rrn);
  await other.look('forgotten-identity');
  await other.codeAfter(who, () => other.press('인증번호 받기'));
  await other.press('다음');
  await other.at('PIN 정하기');
  await other.type('836194');
  await other.page.getByText('한 번 더').waitFor();
  await other.type('836194');
  await other.at('새 PIN을 정했습니다');
  await other.look('pin-rests');
  await other.unlock('내 공무원증');
  await other.page.getByText('새 PIN이 쉬는 중입니다').waitFor();
  await other.look('card-pin-rests');
  // The rule is the server's, not the screen's: a login that asks for the PIN is refused, an ordinary one is not.
  for (const [level, ends] of [['?level=pin', () => other.told(/24시간/)], ['', () => other.at('로그인했습니다')]]) {
    const site = await loginPage(chromium, level);
    await other.link(site.link);
    await other.at(/로그인$/);
    await other.press('동의하고 계속');
    await other.at('번호 확인');
    await other.type(site.number);
    if (level) {
      await other.at('PIN 입력');
      await other.type('836194');
    }
    await ends();
    if (level) await other.look('pin-rests-refused');
    await site.close();
  }
  await other.close();
});

test('the camera is refused: the screen says what to do, and a photo of the QR logs in', async () => {
  const asked = await browser(camera, { asks: true });
  const who = applicant();
  const other = await Phone.on(asked);
  try {
    await other.setUp(who);
    await other.press('QR 촬영');
    await other.at('QR 촬영');
    await other.told(/카메라를 쓸 수 없습니다[^]*사진에서 읽거나/);
    await other.look('camera-denied');
    await other.page.setInputFiles('input[type=file]', { name: 'empty.png', mimeType: 'image/png', buffer: await other.page.locator('.tabs').screenshot() });
    await other.told(/QR/);
    const site = await loginPage(chromium);
    const picture = await site.page.locator('[data-qr]').screenshot();
    await other.page.setInputFiles('input[type=file]', { name: 'login.png', mimeType: 'image/png', buffer: picture });
    await other.at(/로그인$/, 20000);
    await other.press('동의하고 계속');
    await other.at('번호 확인');
    await other.type(site.number);
    await other.at('로그인했습니다');
    await site.page.waitForURL(new URL('/', demo.urls.relying_party).href, { timeout: 15000 });
    await site.close();
    // Lost for good: suspended, and the phone is ordered to forget everything, whoever finds it.
    await order('suspend', who, '--by', 'yesi.boan', '--reason', 'loss');
    await operate('wipe', who, '--by', 'yesi.boan');
    await other.unlock('공무원증이 끝났습니다');
    assert.deepEqual(await other.stored(), { records: ['settings'], keys: [] });
  } finally {
    await asked.close();
  }
});

test('a passkey without PRF: the server’s share opens the vault; offline, or for another finger, it stays closed', async () => {
  const plain = await Phone.on(chromium, { prf: false });
  await plain.setUp(applicant());
  await plain.press('설정');
  await plain.press('이 앱의 보안 수준');
  await plain.at('이 앱의 보안 수준');
  assert.match(await plain.page.innerText('main'), /오프라인에서는 열리지 않습니다/);
  await plain.look('security-share');
  await plain.unlock('내 공무원증');
  await plain.open();
  await plain.at('내 공무원증');
  await plain.context.setOffline(true);
  await plain.page.reload();
  await plain.told(/닿지 못했습니다/);
  await plain.context.setOffline(false);
  // Last, because an authenticator that has seen too many wrong fingers stays shut.
  await plain.cdp.send('WebAuthn.setUserVerified', { authenticatorId: plain.authenticator, isUserVerified: false });
  await plain.open();
  await plain.at('공무원증이 잠겨 있습니다');
  await plain.page.locator('.button.primary:enabled').waitFor();
  await plain.look('unlock');
  await plain.press('열기');
  await plain.told(/취소했거나/);
  await plain.look('unlock-failed');
  await plain.close();
});

test('the rest of the app comes late or not at all: a step says so, a tap is not lost', async () => {
  // Without the service worker, which would have it in its cache.
  const other = await Phone.on(chromium, { serviceWorkers: 'block' });
  const who = applicant();
  await other.page.route('**/rest-*.wasm', (route) => route.abort());
  await other.page.goto(who.install);
  await other.at('휴대전화에 공무원증 설치');
  await other.press('이 브라우저에서 계속');
  await other.at('활성화 코드 입력');
  await other.page.fill('#code', '12345678');
  await other.press('다음');
  await other.told(/나머지를 내려받지 못했습니다/);
  await other.look('rest-missing');
  await other.press('앱을 지웠다가');
  await other.at('여는 중');
  await other.told(/나머지를 내려받지 못했습니다/);
  await other.look('rest-missing-screen');
  await other.page.unroute('**/rest-*.wasm');
  await other.press('다시 시도');
  await other.at('공무원증 복구');
  await other.setUp(who);
  let late = 0;
  await other.page.route('**/rest-*.wasm', async (route) => {
    await new Promise((done) => setTimeout(done, 1500));
    late += 1;
    await route.continue();
  });
  await other.unlock('내 공무원증');
  await other.press('상세 보기');
  await other.at('여는 중');
  assert.equal(late, 0, 'the card stood there without the rest');
  await other.at('모바일 공무원증');
  assert.equal(late, 1);
  await other.close();
});

test('set-up that is interrupted goes on where it was', async () => {
  const other = await Phone.on(chromium);
  const who = applicant();
  await other.setUp(who, { until: 'otp' });
  await other.open();
  await other.at('휴대전화 확인');
  await other.close();
});

test('another app’s browser is told from the real one', async () => {
  const agent = 'Mozilla/5.0 (Linux; Android 15; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0 Mobile Safari/537.36;KAKAOTALK 2610260';
  const inside = await Phone.on(chromium, { userAgent: agent });
  await inside.page.goto(applicant().install);
  await inside.page.getByText('KakaoTalk 안의 브라우저').waitFor();
  await inside.look('inside');
  assert.match(await inside.page.getByRole('link').first().getAttribute('href'), /^kakaotalk:\/\/web\/openExternal/);
  await inside.close();
});
