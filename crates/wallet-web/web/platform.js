// What only a browser can do, and nothing more: storage, keys, fetch, passkey, camera, service worker, notices, and the
// second part of the app.
// The bundle puts this before the generated bindings, in the same module; Rust calls it as `mapae.…`.

const BASE = new URL('/wallet/', location.origin).href;

const fail = (name, message) => Object.assign(new Error(message ?? name), { name });
const b64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
const unb64url = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));

// ---- One database: `records` holds bytes, `keys` holds CryptoKeys that no script can read -----------------------

let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('mapae-wallet', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('records');
      request.result.createObjectStore('keys');
    };
    request.onsuccess = () => {
      const db = request.result;
      db.onversionchange = () => db.close();
      db.onclose = () => { opened = undefined; };
      resolve(db);
    };
    request.onerror = () => reject(request.error);
  });
  opened.catch(() => { opened = undefined; });
  return opened;
}

// It is opened while the WASM is still on its way; a failure is told to whoever asks for it.
database().catch(() => undefined);

/** One transaction; resolves only when it is on disk. */
async function transact(store, mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(store, mode, { durability: 'strict' });
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error ?? fail('AbortError'));
    transaction.onerror = () => reject(transaction.error);
  });
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGN = { name: 'ECDSA', hash: 'SHA-256' };

/** A key that seals bytes for this browser profile alone; made when first asked for. */
async function localKey(name) {
  const known = await transact('keys', 'readonly', (keys) => keys.get(name));
  if (known) return known;
  const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  await transact('keys', 'readwrite', (keys) => keys.put(made, name));
  return made;
}

// ---- The second part of the app, in the memory of the first -------------------------------------------------------

let rest;

/** Fetches and links it once; a load that failed is forgotten, so that the next one begins anew. */
function loadRest() {
  rest ??= (async () => {
    const module = await WebAssembly.compileStreaming(fetch(REST_WASM, { integrity: REST_INTEGRITY }));
    // It brings no memory, table or stack of its own: each of its imports is an export of the first part.
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = wasm[name];
    await WebAssembly.instantiate(module, imports);
  })();
  rest.catch(() => { rest = undefined; });
  return rest;
}

/** What the first part imports under this name: Rust gives a function of the table and its argument, to be called with the outcome. */
const restLoader = {
  async __wasm_split_load_rest(told, argument) {
    const loaded = await loadRest().then(() => true, (error) => {
      console.warn(`the second part was not loaded: ${error}`);
      return false;
    });
    wasm.__indirect_function_table.get(told)(argument, loaded);
  },
};

// ---- The lazily loaded reader of QR codes ------------------------------------------------------------------------

let reader;

/** `(picture) → text or undefined`: the browser's own detector where there is one, else ours in WebAssembly. */
function qrReader() {
  reader ??= (async () => {
    const formats = await globalThis.BarcodeDetector?.getSupportedFormats?.().catch(() => []) ?? [];
    if (formats.includes('qr_code')) {
      const detector = new BarcodeDetector({ formats: ['qr_code'] });
      return async (picture) => (await detector.detect(picture))[0]?.rawValue;
    }
    const scan = await import(SCAN_MODULE);
    await scan.default({ module_or_path: fetch(SCAN_WASM, { integrity: SCAN_INTEGRITY }) });
    return async (picture) => scan.read_rgba(picture.data, picture.width, picture.height);
  })();
  reader.catch(() => { reader = undefined; });
  return reader;
}

/** At most this many pixels a side go to the reader: more is slower and reads no better. */
const LONGEST_SIDE = 1280;

function pixels(source, width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

let camera;

// ---- Passkey -----------------------------------------------------------------------------------------------------

/** WebAuthn Level 3 JSON in, JSON out; what the PRF gave at `first` and `second` goes beside it, never into the JSON. */
async function passkey(kind, json, first, second) {
  const options = JSON.parse(json);
  const bytes = (list) => list?.map((one) => ({ ...one, id: unb64url(one.id) }));
  options.challenge = unb64url(options.challenge);
  if (options.user) options.user.id = unb64url(options.user.id);
  if (options.excludeCredentials) options.excludeCredentials = bytes(options.excludeCredentials);
  if (options.allowCredentials) options.allowCredentials = bytes(options.allowCredentials);
  options.extensions = { ...options.extensions, prf: { eval: { first, second } } };
  const made = await navigator.credentials[kind]({ publicKey: options });
  const { prf, ...extensions } = made.getClientExtensionResults();
  const response = { clientDataJSON: b64url(made.response.clientDataJSON) };
  for (const name of ['attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (made.response[name]) response[name] = b64url(made.response[name]);
  }
  if (made.response.getTransports) response.transports = made.response.getTransports();
  return {
    json: JSON.stringify({ id: made.id, rawId: b64url(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined, response, clientExtensionResults: extensions }),
    id: made.id,
    first: prf?.results?.first && new Uint8Array(prf.results.first),
    second: prf?.results?.second && new Uint8Array(prf.results.second),
    prf: prf?.enabled === true || Boolean(prf?.results?.first),
  };
}

// ---- Service worker ----------------------------------------------------------------------------------------------

const trusted = globalThis.trustedTypes?.createPolicy('mapae', {
  createScriptURL: (url) => {
    if (url !== `${BASE}sw.js`) throw new TypeError('another script');
    return url;
  },
});

let registration;

const mapae = {
  recordGet: (name) => transact('records', 'readonly', (records) => records.get(name)),
  recordPut: (name, bytes) => transact('records', 'readwrite', (records) => records.put(bytes, name)),
  recordDelete: (name) => transact('records', 'readwrite', (records) => records.delete(name)),
  recordNames: () => transact('records', 'readonly', (records) => records.getAllKeys()),

  async keyGenerate(name) {
    const pair = await crypto.subtle.generateKey(ECDSA, false, ['sign', 'verify']);
    const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
    await transact('keys', 'readwrite', (keys) => keys.put(pair.privateKey, name));
    return point;
  },
  async keySign(name, message) {
    const key = await transact('keys', 'readonly', (keys) => keys.get(name));
    if (!key) throw fail('NotFoundError');
    return new Uint8Array(await crypto.subtle.sign(SIGN, key, message));
  },
  keyDelete: (name) => transact('keys', 'readwrite', (keys) => keys.delete(name)),

  async localSeal(name, plain) {
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, await localKey(name), plain);
    return new Uint8Array([...nonce, ...new Uint8Array(sealed)]);
  },
  async localOpen(name, sealed) {
    const opened = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: sealed.slice(0, 12) }, await localKey(name), sealed.slice(12));
    return new Uint8Array(opened);
  },
  /** Everything of this app in this browser: database, caches, service worker. */
  async erase() {
    (await database()).close();
    opened = undefined;
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase('mapae-wallet');
      request.onsuccess = resolve;
      request.onblocked = resolve;
      request.onerror = () => reject(request.error);
    });
  },
  persist: async () => (await navigator.storage?.persisted?.()) || ((await navigator.storage?.persist?.()) ?? false),

  async http(method, url, headers, body, most, language, milliseconds) {
    const stop = AbortSignal.timeout(milliseconds);
    let response;
    try {
      response = await fetch(url, { method, headers: [...headers, ['accept-language', language]], body, redirect: 'manual', credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer', signal: stop });
    } catch {
      throw fail(navigator.onLine ? 'AnswerLost' : 'Unreachable');
    }
    const parts = [];
    let length = 0;
    try {
      for (const stream = response.body?.getReader(); stream;) {
        const { done, value } = await stream.read();
        if (done) break;
        length += value.length;
        if (length > most) {
          await stream.cancel();
          throw fail('TooLarge');
        }
        parts.push(value);
      }
    } catch (error) {
      throw error.name === 'TooLarge' ? error : fail('AnswerLost');
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return { status: response.status, headers: [...response.headers].flat(), body: whole };
  },

  hasPasskeys: async () => (await globalThis.PublicKeyCredential?.isUserVerifyingPlatformAuthenticatorAvailable?.()) ?? false,
  passkeyCreate: (json, first, second) => passkey('create', json, first, second),
  passkeyGet: (json, first, second) => passkey('get', json, first, second),

  /** Shows the camera in the video and calls back with the first QR text; resolves when the picture runs. */
  async cameraStart(video, found) {
    mapae.cameraStop();
    if (!navigator.mediaDevices?.getUserMedia) throw fail('NotFoundError');
    const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: 'environment', width: { ideal: 1280 } } });
    const mine = { stream };
    camera = mine;
    video.srcObject = stream;
    await video.play();
    const read = await qrReader();
    const look = async () => {
      if (camera !== mine) return;
      const text = video.videoWidth ? await read(pixels(video, video.videoWidth, video.videoHeight)).catch(() => undefined) : undefined;
      if (camera !== mine) return;
      if (text) {
        mapae.cameraStop();
        found(text);
      } else {
        setTimeout(look, 120);
      }
    };
    look();
  },
  cameraStop() {
    camera?.stream.getTracks().forEach((track) => track.stop());
    camera = undefined;
  },
  async readPicture(file) {
    const bitmap = await createImageBitmap(file);
    return (await qrReader())(pixels(bitmap, bitmap.width, bitmap.height));
  },

  /** Registers the service worker; `ready` hears of a newer version that waits. */
  async serve(ready) {
    if (!navigator.serviceWorker) return;
    const address = trusted ? trusted.createScriptURL(`${BASE}sw.js`) : `${BASE}sw.js`;
    registration = await navigator.serviceWorker.register(address, { scope: BASE, updateViaCache: 'none' });
    const waits = () => registration.waiting && navigator.serviceWorker.controller && ready();
    waits();
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', waits));
  },
  /** Lets the waiting version take over and starts again with it. */
  update() {
    navigator.serviceWorker?.addEventListener('controllerchange', () => location.reload(), { once: true });
    if (registration?.waiting) registration.waiting.postMessage('take-over');
    else location.reload();
  },
  checkUpdate: async () => { await registration?.update().catch(() => undefined); },

  /** Holds the one lock of this app as long as the tab lives; `lost` hears that another tab took it. */
  hold(steal, lost) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((resolve) => {
      const forever = (lock) => {
        resolve(Boolean(lock));
        return lock ? new Promise(() => {}) : undefined;
      };
      navigator.locks.request('mapae-wallet', steal ? { steal } : { ifAvailable: true }, forever).catch(lost);
    });
  },

  async pushSubscribe(key) {
    if ((await Notification.requestPermission()) !== 'granted') throw fail('NotAllowedError');
    const worker = await navigator.serviceWorker.ready;
    const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: unb64url(key) });
    return JSON.stringify(made);
  },
  async pushUnsubscribe() {
    const worker = await navigator.serviceWorker?.ready;
    await (await worker?.pushManager.getSubscription())?.unsubscribe();
  },
  pushState: () => (!globalThis.PushManager || !globalThis.Notification ? 'missing' : Notification.permission),
  onNotice: (heard) => navigator.serviceWorker?.addEventListener('message', (event) => heard(String(event.data))),

  place: () => ({
    agent: navigator.userAgent,
    touch: navigator.maxTouchPoints > 1,
    installed: matchMedia('(display-mode: standalone), (display-mode: fullscreen)').matches || navigator.standalone === true,
    language: navigator.language,
  }),
  forgetAddress: () => history.replaceState(null, '', BASE),
  /** The browser's own install dialogue where it offers one. */
  canInstall: () => Boolean(mapae.installer),
  async install() {
    await mapae.installer?.prompt();
    return (await mapae.installer?.userChoice)?.outcome === 'accepted';
  },
  /** One meeting at a time: its WebSocket, and the first message that comes over it. */
  meetFirst(address) {
    mapae.meetEnd();
    const socket = new WebSocket(address);
    socket.binaryType = 'arraybuffer';
    mapae.meeting = socket;
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => (data instanceof ArrayBuffer ? resolve(new Uint8Array(data)) : reject(fail('DataError')));
      socket.onclose = () => reject(fail('NetworkError'));
    });
  },
  meetAnswer(message) {
    mapae.meeting?.send(message);
  },
  meetEnd() {
    mapae.meeting?.close();
    mapae.meeting = undefined;
  },
  copy: (text) => navigator.clipboard.writeText(text),
  paste: () => navigator.clipboard.readText(),
  save(name, kind, content) {
    const link = document.createElement('a');
    link.href = mapae.addressOf(kind, content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  },
  addressOf: (kind, content) => URL.createObjectURL(new Blob([content], { type: kind })),
  endAddress: (address) => URL.revokeObjectURL(address),
  showsPdf: () => navigator.pdfViewerEnabled === true,
  after: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
  idle: () => new Promise((done) => (globalThis.requestIdleCallback ? requestIdleCallback(done, { timeout: 2000 }) : setTimeout(done, 200))),
};

addEventListener('beforeinstallprompt', (event) => {
  event.preventDefault();
  mapae.installer = event;
  dispatchEvent(new Event('mapae-installable'));
});
