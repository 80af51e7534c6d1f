// The wallet app in headless Chromium, as its holder uses it; axe-core looks at each screen in light and dark.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Phone, applicant, browser } from './app.mjs';

let chromium;
let phone;

before(async () => {
  chromium = await browser();
});

after(async () => chromium?.close());

test('set-up: install page, activation code, identity, phone code, PIN, badge', async () => {
  phone = await Phone.on(chromium);
  await phone.setUp(applicant(), { look: true });
  await phone.look('card');
  await phone.press('상세 보기');
  await phone.at('모바일 공무원증');
  await phone.look('details');
  assert.deepEqual(phone.complaints, []);
});
