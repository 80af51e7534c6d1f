// The service worker: one version of the app, whole or not at all. FILES and VERSION are filled in by the bundle.
const VERSION = '@VERSION@';
const FILES = /* @FILES@ */ [];
const CACHE = `mapae-wallet-${VERSION}`;
const BASE = new URL('/wallet/', location.origin);

self.addEventListener('install', (event) => {
  // A file that is missing or other than announced ends the installation; the version before stays in use.
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    const fetched = await Promise.all(FILES.map(async ({ path, integrity }) => {
      const address = new URL(path, BASE);
      const response = await fetch(new Request(address, { integrity, cache: 'no-cache', credentials: 'omit' }));
      if (!response.ok) throw new Error(`${address.pathname}: ${response.status}`);
      return [address, response];
    }));
    for (const [address, response] of fetched) await cache.put(address, response);
  })());
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith('mapae-wallet-') && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener('message', (event) => {
  if (event.data === 'take-over') self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== BASE.origin || !url.pathname.startsWith(BASE.pathname)) return;
  if (url.pathname.startsWith(`${BASE.pathname}v1/`)) return;
  const page = event.request.mode === 'navigate';
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    return (await cache.match(page ? BASE : event.request, { ignoreVary: true })) ?? fetch(event.request);
  })());
});

// What a notice says is decided here, in words: the message itself carries a kind and a time and nothing else.
const WORDS = /* @WORDS@ */ {};

self.addEventListener('push', (event) => {
  let kind = 'other';
  try {
    kind = event.data?.json().kind ?? kind;
  } catch {
    // Another shape: shown as the general notice, since a push that shows nothing is not allowed.
  }
  const language = (self.navigator.language ?? 'ko').startsWith('en') ? 'en' : 'ko';
  const words = WORDS[language]?.[kind] ?? WORDS[language]?.other ?? { title: '마패', text: '' };
  event.waitUntil((async () => {
    await self.registration.showNotification(words.title, { body: words.text, tag: `mapae-${kind}`, icon: `${BASE.pathname}icon-192.png`, data: kind, lang: language });
    for (const client of await self.clients.matchAll({ type: 'window' })) client.postMessage(kind);
  })());
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const [open] = await self.clients.matchAll({ type: 'window' });
    if (open) return open.focus();
    return self.clients.openWindow(BASE.href);
  })());
});
