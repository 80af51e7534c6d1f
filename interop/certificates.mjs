// An official asks for a 재직증명서 in the wallet app, and for a 경력증명서 in the portal, and downloads them, all in headless Chromium; they
// are checked there as whoever receives them would: by number, by file, and by QR code with the network cut. HR takes one back. zbar
// reads the code off the printed page, poppler the text, veraPDF judges the file; axe-core looks at each screen.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Phone, applicant, browser as phoneBrowser } from './app.mjs';
import { demo } from './demo.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const password = demo.accounts[0].password;
const sizes = { wide: { width: 1440, height: 900 }, phone: { width: 320, height: 740 } };
const folder = process.env.CERTIFICATE_WORK;
const screens = process.env.SCREENSHOTS;
const at = (base, path) => new URL(path, demo.urls[base]).href;
let browser;
let phone;
let number;
let code;

before(async () => {
  mkdirSync(screens, { recursive: true });
  browser = await phoneBrowser();
});

after(async () => browser?.close());

async function person(options = {}) {
  const context = await browser.newContext({ viewport: sizes.wide, locale: 'ko-KR', timezoneId: 'Asia/Seoul', ...options });
  return { context, page: await context.newPage() };
}

async function look(page, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    await page.screenshot({ path: join(screens, `${name}-${size}.png`), fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} px too wide at ${viewport.width} px`);
  }
  await page.setViewportSize(sizes.wide);
  await page.evaluate(`${axe};undefined`);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }));
  assert.deepEqual(violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.target).join(' ')}`), [], name);
}

async function signIn(page, base, path, login) {
  await page.goto(at(base, path));
  await page.fill('#login', login);
  await page.fill('#password', password);
  await page.click('form button[type=submit].primary');
  await page.waitForLoadState();
}

test('an official asks for a 재직증명서 in the wallet and downloads it', async () => {
  phone = await Phone.on(browser, { acceptDownloads: true });
  await phone.setUp(applicant());
  await phone.press('증명서');
  await phone.at('증명서');
  await phone.page.getByText('받은 증명서가 없습니다').waitFor();
  await phone.look('certificates-none');
  await phone.press('재직증명서 신청');
  await phone.at('재직증명서 신청');
  // Nothing is asked for with an empty field.
  await phone.page.getByLabel('제출처').fill('예시은행');
  await phone.press('신청하기');
  await phone.told(/빈 칸이 있습니다/);
  await phone.page.getByLabel('용도').fill('대출 신청');
  await phone.page.getByLabel('한국어').check();
  await phone.look('certificate-ask');
  await phone.press('신청하기');
  await phone.at('증명서');
  const line = phone.page.locator('.row', { hasText: '예시은행' });
  await line.waitFor({ timeout: 30000 });
  assert.match(await line.innerText(), /진본 · 예시은행 · 대출 신청/);
  await phone.look('certificates');
  await line.click();
  await phone.at('재직증명서');
  await phone.look('certificate');
  const [download] = await Promise.all([phone.page.waitForEvent('download'), phone.press('PDF 내려받기')]);
  assert.match(download.suggestedFilename(), /^재직증명서-[0-9A-Z-]+.\.pdf$/);
  await download.saveAs(join(folder, 'issued.pdf'));
  assert.deepEqual(phone.complaints, []);
});

test('a link that the phone made gives the file once, for the right 열람번호', async () => {
  await phone.press('한 번만 열리는 링크');
  await phone.at('한 번만 열리는 링크');
  await phone.look('certificate-link');
  const address = (await phone.page.innerText('#link-address')).trim();
  const opens = (await phone.page.innerText('#link-number')).trim();
  const { context, page } = await person({ acceptDownloads: true });
  const give = async (text) => {
    await page.goto(address);
    await page.fill('#number', text);
    await page.click('form[action^="/verify/link/"] button');
  };
  await give(opens === '000000' ? '000001' : '000000');
  assert.match(await page.innerText('[role=alert]'), /남은 횟수: 4회/);
  const [download] = await Promise.all([page.waitForEvent('download'), give(opens).catch(() => undefined)]);
  assert.deepEqual(readFileSync(await download.path()), readFileSync(join(folder, 'issued.pdf')));
  await give(opens);
  assert.match(await page.innerText('[role=alert]'), /더 열리지 않습니다/);
  await context.close();
});

test('the portal asks for one, too', async () => {
  const { context, page } = await person();
  await signIn(page, 'public', '/portal/sign-in', 'yesi.gong');
  await page.goto(at('public', '/portal/credentials'));
  const form = page.locator('form', { has: page.locator('input[value=employment-certificate]') });
  await form.locator('input[name="claim.purpose"]').fill('비자 신청');
  await form.locator('input[name="claim.recipient"]').fill('예시은행');
  await look(page, 'credentials');
  await form.locator('button[type=submit]').click();
  await page.waitForURL('**/portal/credentials');
  await page.goto(at('public', '/portal/certificates'));
  await page.click('button[value=ko]');
  await page.waitForURL('**/portal/certificates');
  await look(page, 'certificates');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a[download]')]);
  assert.equal(readFileSync(await download.path()).subarray(0, 5).toString(), '%PDF-');
  await context.close();
});

test('the printed page gives text, number and code back', async () => {
  const file = join(folder, 'issued.pdf');
  const text = execFileSync('pdftotext', [file, '-'], { encoding: 'utf8' });
  for (const words of ['재직증명서', '예시은행', '대출 신청', '위와 같이 재직하고 있음을 증명합니다.']) assert.ok(text.includes(words), `${words} in ${text}`);
  number = /[0-9A-Z]{4}(-[0-9A-Z]{4}){3}-[0-9A-Z*~$=]/.exec(text)[0];
  execFileSync('pdftoppm', ['-r', '150', '-png', '-singlefile', file, join(folder, 'issued')]);
  execFileSync('pdftoppm', ['-r', '80', '-png', '-singlefile', file, join(process.env.SCREENSHOTS, 'issued')]);
  code = execFileSync('zbarimg', ['--quiet', '--raw', join(folder, 'issued.png')], { encoding: 'utf8' }).trim();
  assert.ok(code.startsWith(`${at('public', '/verify')}#`) && code.length <= 512, code);
  console.log(`# QR code of ${code.length} letters, file of ${readFileSync(file).length} bytes`);
  const told = execFileSync('java', ['-cp', process.env.VERAPDF, 'Judge', '2a,ua1', file], { encoding: 'utf8' });
  assert.equal(told.match(/^conformant /gm)?.length, 2, told);
});

test('anybody checks it by number: masked, and whole with the birth date', async () => {
  const { context, page } = await person();
  await page.goto(at('public', '/verify'));
  await look(page, 'verify');
  await page.fill('#number', number);
  await page.click('form[action="/verify"] button');
  assert.equal(await page.textContent('#verdict'), '진본');
  const masked = await page.textContent('section.notice dl');
  assert.ok(masked.includes('*') && !masked.includes('예시은행'), masked);
  await look(page, 'verify-masked');
  const wrong = number.replace(/.$/, (letter) => (letter === '0' ? '1' : '0'));
  await page.fill('#number', wrong);
  await page.click('form[action="/verify"] button');
  assert.match(await page.textContent('[role=alert]'), /문서확인번호가 맞지 않습니다/);
  await context.close();
});

/** The page, with the program that checks loaded. */
async function checker(page) {
  await page.goto(at('public', '/verify'));
  await page.waitForSelector('[data-verify][data-ready]', { state: 'attached' });
}

const verdictIs = (page, wanted) =>
  page.waitForFunction((text) => {
    const result = document.querySelector('[data-part=result]');
    return !result.hidden && document.querySelector('[data-part=verdict]').textContent === text;
  }, wanted);

test('the file is checked in the browser, and a flipped bit is 변조', async () => {
  const { context, page } = await person();
  await checker(page);
  const sealed = readFileSync(join(folder, 'issued.pdf'));
  const give = async (bytes, name = '재직증명서.pdf') => {
    await page.evaluate(() => { document.querySelector('[data-part=result]').hidden = true; });
    await page.setInputFiles('#file', { name, mimeType: 'application/pdf', buffer: bytes });
  };
  await give(sealed);
  await verdictIs(page, '진본');
  const told = await page.textContent('[data-part=result]');
  for (const words of ['재직증명서', '관인', '철회되지 않았습니다', '서명한 때']) assert.ok(told.includes(words), `${words}: ${told}`);
  await look(page, 'verify-file');
  const changed = Buffer.from(sealed);
  changed[changed.indexOf('stream') + 20] ^= 1;
  await give(changed);
  await verdictIs(page, '변조');
  await look(page, 'verify-file-changed');
  await give(readFileSync(join(folder, 'employment.pdf')));
  await verdictIs(page, '확인 불가');
  await give(Buffer.from('no PDF'));
  await verdictIs(page, '확인 불가');
  // Without a network the seal is judged all the same, and the page says what it could not ask.
  await context.setOffline(true);
  await give(sealed);
  await verdictIs(page, '진본');
  assert.match(await page.textContent('[data-part=why]'), /철회 여부는 확인하지 못했습니다/);
  await context.close();
});

test('the code is checked in the browser with the network cut', async () => {
  const { context, page } = await person();
  await checker(page);
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await context.setOffline(true);
  await page.click('summary');
  await page.fill('#code', code);
  await page.click('[data-part=typed] button');
  await verdictIs(page, '진본');
  const facts = await page.textContent('[data-part=result]');
  for (const words of ['예시은행', '대출 신청', '재직증명서', '마패 발급기관']) assert.ok(facts.includes(words), `${words}: ${facts}`);
  assert.equal(await page.inputValue('#number'), number);
  assert.deepEqual(asked, [], 'nothing was asked for');

  const [base, text] = code.split('#');
  const bytes = Buffer.from(text, 'base64url');
  const place = bytes.indexOf('예시은행');
  const other = Buffer.concat([bytes.subarray(0, place), Buffer.from('다른은행'), bytes.subarray(place + Buffer.byteLength('다른은행'))]);
  for (const [changed, verdict] of [
    [`${base}#${other.toString('base64url')}`, '변조'],
    [`${base}#${text.slice(0, -8)}`, '확인 불가'],
    [`${base}#AAAA`, '확인 불가'],
  ]) {
    await page.fill('#code', changed);
    await page.click('[data-part=typed] button');
    await verdictIs(page, verdict);
  }
  await context.setOffline(false);
  await page.evaluate((hash) => { location.hash = hash; }, `#${text}`);
  await verdictIs(page, '진본');
  await look(page, 'verify-code');
  await context.close();
});

test('after HR takes it back number, file and wallet say 철회 and why', async () => {
  const { context, page } = await person();
  await signIn(page, 'console', '/sign-in', 'yesi.insa');
  await page.goto(at('console', '/credentials'));
  await look(page, 'console-credentials');
  const line = page.locator('.panel', { hasText: '대출 신청' });
  await line.locator('input[name=reason]').fill('예시로 철회합니다');
  await line.locator('button.destroy').click();
  await page.waitForURL('**/credentials');
  await page.goto(at('public', '/verify'));
  await page.fill('#number', number);
  await page.click('form[action="/verify"] button');
  assert.equal(await page.textContent('#verdict'), '철회');
  assert.match(await page.textContent('section.notice'), /예시로 철회합니다/);
  await look(page, 'verify-revoked');
  await checker(page);
  await page.setInputFiles('#file', join(folder, 'issued.pdf'));
  await verdictIs(page, '철회');
  assert.match(await page.textContent('[data-part=why]'), /예시로 철회합니다/);
  await look(page, 'verify-file-revoked');
  await context.close();
  await phone.home();
  await phone.press('증명서');
  await phone.page.locator('.row', { hasText: '철회' }).click();
  await phone.at('재직증명서');
  assert.match(await phone.page.innerText('main'), /예시로 철회합니다/);
  await phone.look('certificate-revoked');
  assert.equal(await phone.page.getByRole('button', { name: '한 번만 열리는 링크' }).count(), 0, 'it is handed on no more');
  assert.deepEqual(phone.complaints, []);
  await phone.close();
});

test('a 경력증명서 has the posts in a table that poppler, veraPDF and whoever checks it read', async () => {
  const asking = await person();
  await signIn(asking.page, 'public', '/portal/sign-in', 'yesi.gong');
  await asking.page.goto(at('public', '/portal/credentials'));
  const form = asking.page.locator('form', { has: asking.page.locator('input[value=career-certificate]') });
  await form.locator('input[name="claim.purpose"]').fill('이직');
  await form.locator('input[name="claim.recipient"]').fill('예시공사');
  await form.locator('button[type=submit]').click();
  await asking.page.waitForURL('**/portal/credentials');
  await asking.page.goto(at('public', '/portal/certificates'));
  const panel = asking.page.locator('.panel', { hasText: '경력증명서' });
  for (const [language, name] of [['ko', 'career-ko.pdf'], ['en', 'career-en.pdf']]) {
    await panel.locator(`button[value=${language}]`).click();
    await asking.page.waitForURL('**/portal/certificates');
    const title = language === 'ko' ? '경력증명서' : 'Certificate of Career';
    const link = asking.page.locator('.panel', { has: asking.page.locator('h3', { hasText: title }) }).locator('a[download]');
    const [download] = await Promise.all([asking.page.waitForEvent('download'), link.first().click()]);
    await download.saveAs(join(folder, name));
  }
  await look(asking.page, 'certificates-career');
  await asking.context.close();

  const read = (name) => execFileSync('pdftotext', [join(folder, name), '-'], { encoding: 'utf8' });
  const text = read('career-ko.pdf');
  for (const words of ['경력증명서', '예시공사', '경력 사항', '총 재직 기간', '최초 임용일', '기간', '직위 / 직급', '임용', '현재', '위의 경력이 사실과 다름없음을 증명합니다.']) {
    assert.ok(text.includes(words), `${words} in ${text}`);
  }
  const english = read('career-en.pdf');
  for (const words of ['Certificate of Career', 'Posts', 'Appointment', 'present']) assert.ok(english.includes(words), `${words} in ${english}`);
  const files = ['career-ko.pdf', 'career-en.pdf'].map((name) => join(folder, name));
  const judged = execFileSync('java', ['-cp', process.env.VERAPDF, 'Judge', '2a,ua1', ...files], { encoding: 'utf8' });
  assert.equal(judged.match(/^conformant /gm)?.length, 4, judged);

  const last = [...text.matchAll(/(\d+) ?\/ ?(\d+)/g)].at(-1)[2];
  execFileSync('pdftoppm', ['-r', '150', '-png', '-singlefile', '-f', last, '-l', last, files[0], join(folder, 'career')]);
  execFileSync('pdftoppm', ['-r', '80', '-png', '-singlefile', files[0], join(screens, 'career')]);
  const careerCode = execFileSync('zbarimg', ['--quiet', '--raw', join(folder, 'career.png')], { encoding: 'utf8' }).trim();
  assert.ok(careerCode.startsWith(`${at('public', '/verify')}#`) && careerCode.length <= 512, careerCode);
  console.log(`# QR code of ${careerCode.length} letters, ${last} pages, file of ${readFileSync(files[0]).length} bytes`);

  const { context, page } = await person();
  await page.goto(at('public', '/verify'));
  const [, year, month, day] = /(\d{4})년 (\d{1,2})월 (\d{1,2})일/.exec(text);
  await page.fill('#number', /[0-9A-Z]{4}(-[0-9A-Z]{4}){3}-[0-9A-Z*~$=]/.exec(text)[0]);
  await page.fill('#birth_date', `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`);
  await page.click('form[action="/verify"] button');
  assert.equal(await page.textContent('#verdict'), '진본');
  assert.ok((await page.locator('#posts tbody tr').count()) >= 2);
  assert.match(await page.textContent('#posts'), /임용/);
  await look(page, 'verify-career');
  await checker(page);
  await page.setInputFiles('#file', files[0]);
  await verdictIs(page, '진본');
  assert.match(await page.textContent('[data-part=result]'), /경력증명서/);
  await context.setOffline(true);
  await page.click('summary');
  await page.fill('#code', careerCode);
  await page.click('[data-part=typed] button');
  await page.waitForFunction(() => document.querySelector('[data-fact=document] dd').textContent === '경력증명서' && !document.querySelector('[data-part=result]').hidden);
  const told = await page.textContent('[data-part=result]');
  assert.match(told, /줄은 QR에 들어가지 않습니다/);
  assert.equal(await page.textContent('[data-part=verdict]'), '진본');
  await context.close();
});
