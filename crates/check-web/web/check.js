// The page that checks a badge held before a person. It reads the code on the other phone, asks that phone for the badge, and
// verifies the answer here: nothing of it is sent anywhere or kept. The server only carries what it can't read.

const page = document.querySelector('[data-check]');
const part = (name) => page.querySelector(`[data-part="${name}"]`);
const words = JSON.parse(document.getElementById('words').textContent);
const [video, status, result, input, start] = ['video', 'status', 'result', 'code', 'start'].map(part);
const WAIT_MS = 120_000;
const now = () => Math.floor(Date.now() / 1000);

let tools;
let camera;
let loop;
let busy = false;

const say = (text) => { status.textContent = text; };
const word = (key) => words[key] ?? words.failed;

/** The module that verifies, the root and the list of issuers, loaded once and again when they grow old. */
async function load() {
  if (tools && Date.now() - tools.at < 300_000) return tools;
  const module = tools?.module ?? await import(CHECK_MODULE);
  if (!tools) await module.default({ module_or_path: fetch(CHECK_WASM, { integrity: CHECK_INTEGRITY }) });
  const text = async (address) => {
    const answer = await fetch(address, { cache: 'no-store', credentials: 'omit' });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.text();
  };
  const [root, list] = await Promise.all([text('/root.pem'), text('/trust-list')]);
  tools = { module, at: Date.now(), checker: new module.Checker(root, list, page.dataset.registrar, now()) };
  return tools;
}

/** The status list a badge names. Without it the result says that the status is not known. */
async function statusList(address) {
  if (!address) return '';
  try {
    const answer = await fetch(address, { headers: { accept: 'application/statuslist+jwt' }, credentials: 'omit', signal: AbortSignal.timeout(10_000) });
    return answer.ok ? await answer.text() : '';
  } catch {
    return '';
  }
}

/** What a code on a screen is good for; false for a code that is none of ours. */
async function take(code) {
  if (busy) return true;
  if (code.startsWith('mdoc:')) {
    busy = true;
    try {
      stopCamera();
      await meet(code);
    } catch (error) {
      refuse(word(`meeting.${error.message ?? error}`));
    } finally {
      busy = false;
    }
    return true;
  }
  if (code.startsWith('MQ1:')) {
    const { module, checker } = await load();
    loop ??= new module.Loop();
    const whole = loop.add(code);
    say(words.loop.replace('{seen}', loop.seen).replace('{all}', loop.all));
    if (whole) {
      stopCamera();
      loop = undefined;
      show(JSON.parse(checker.screen(whole, await statusList(module.status_of_screen(whole)), now())), 'screen');
    }
    return true;
  }
  return false;
}

/** Answers the phone's code and waits until its holder has decided. */
async function meet(code) {
  const { module, checker } = await load();
  let reader;
  try {
    reader = new module.Reader(code, page.dataset.document);
  } catch (error) {
    throw new Error(String(error));
  }
  say(words.calling);
  const response = await new Promise((done, failed) => {
    const socket = new WebSocket(reader.address);
    const fail = (why) => { socket.close(); failed(new Error(why)); };
    const patience = setTimeout(() => fail('gone'), WAIT_MS);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { socket.send(reader.first); say(words.waiting); };
    socket.onerror = () => fail('gone');
    socket.onclose = () => { clearTimeout(patience); failed(new Error('gone')); };
    socket.onmessage = ({ data }) => {
      try {
        done(reader.open(new Uint8Array(data)));
        socket.close();
      } catch (error) {
        fail(String(error));
      }
    };
  });
  const list = await statusList(module.status_of_document(response));
  show(JSON.parse(checker.document(reader, response, list, now())), 'meeting');
}

function show(told, way) {
  if (told.refused) return refuse(words.refusals[told.refused] ?? words.failed);
  const lang = document.documentElement.lang;
  const plain = (value) => {
    if (value === true) return words.yes;
    if (value === false) return words.no;
    if (value && typeof value === 'object') return value[lang] ?? value.ko ?? '';
    return value === undefined || value === null ? '' : String(value);
  };
  for (const line of result.querySelectorAll('[data-claim]')) {
    const text = plain(told.claims[line.dataset.claim]);
    line.hidden = text === '';
    line.querySelector('dd').textContent = text;
  }
  part('issuer').textContent = plain(told.issuer);
  const minutes = told.status_age_s === null ? null : Math.max(0, Math.round(told.status_age_s / 60));
  const unknown = minutes === null;
  part('fresh').textContent = unknown ? words.unknown : words.fresh.replace('{minutes}', minutes);
  part('copied').hidden = way !== 'screen';
  const serving = told.claims.is_serving !== false;
  verdict(!serving ? 'bad' : unknown ? 'wait' : 'good', !serving ? words.left : unknown ? words.almost : words.valid, true);
  return undefined;
}

function refuse(why) {
  part('why').textContent = why;
  verdict('bad', words.invalid, false);
}

function verdict(tone, title, told) {
  result.className = `notice ${tone}`;
  part('verdict').textContent = title;
  part('told').hidden = !told;
  part('why').hidden = told;
  result.hidden = false;
  say('');
  result.focus();
}

function stopCamera() {
  for (const track of camera?.getTracks() ?? []) track.stop();
  camera = undefined;
  video.hidden = true;
  start.disabled = false;
}

/** A function from a canvas to the text of a QR code on it. */
async function reading() {
  if ('BarcodeDetector' in globalThis && (await BarcodeDetector.getSupportedFormats()).includes('qr_code')) {
    const detector = new BarcodeDetector({ formats: ['qr_code'] });
    return async (canvas) => (await detector.detect(canvas))[0]?.rawValue;
  }
  const scan = await import(SCAN_MODULE);
  await scan.default({ module_or_path: fetch(SCAN_WASM, { integrity: SCAN_INTEGRITY }) });
  return async (canvas) => {
    const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return scan.read_rgba(data, width, height);
  };
}

async function look() {
  start.disabled = true;
  result.hidden = true;
  say(words.starting);
  try {
    const [read] = await Promise.all([reading(), load()]);
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
    video.srcObject = camera;
    video.hidden = false;
    await video.play();
    say(words.looking);
    const canvas = document.createElement('canvas');
    const mine = camera;
    while (camera === mine) {
      const smaller = Math.min(1, 1280 / video.videoWidth);
      [canvas.width, canvas.height] = [video.videoWidth * smaller, video.videoHeight * smaller];
      canvas.getContext('2d', { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
      const code = await read(canvas);
      if (code && !(await take(code))) say(words.other);
      await new Promise((done) => { setTimeout(done, 80); });
    }
  } catch (error) {
    stopCamera();
    say(error.name === 'NotAllowedError' || error.name === 'NotFoundError' ? words.no_camera : words.no_lists);
  }
}

start.addEventListener('click', look);
part('again').addEventListener('click', () => { result.hidden = true; look(); });
part('typed').addEventListener('submit', async (event) => {
  event.preventDefault();
  result.hidden = true;
  loop = undefined;
  try {
    let ours = false;
    for (const code of input.value.split(/\s+/).filter(Boolean)) ours = (await take(code)) || ours;
    if (!ours) say(words.other);
  } catch {
    say(words.no_lists);
  }
});
