// The login page: redraws the QR every ten seconds and follows what the phone answers.
// Nothing here decides anything: the server does, and the page also works without this file.

const page = document.querySelector("[data-login]");
const picture = document.querySelector("[data-qr]");
const link = document.querySelector("[data-link]");
const seconds = document.querySelector("[data-seconds]");
const status = document.querySelector("[data-status]");
const button = document.querySelector("[data-browser]");
const { login, pollUrl, waiting, unreachable, browserAsking, browserFailed } = page.dataset;

let draw = Number(page.dataset.draw);
let redrawAt = performance.now() + Number(page.dataset.left) * 1000;
let failures = 0;
let asking = false;

function say(text) {
  if (status.textContent !== text) status.textContent = text;
}

function tick() {
  if (seconds) seconds.textContent = String(Math.max(0, Math.ceil((redrawAt - performance.now()) / 1000)));
}

/** Shows the section of an ending and hides what can no longer be used. */
function finish(state) {
  for (const part of document.querySelectorAll("[data-while-waiting]")) part.hidden = true;
  for (const part of document.querySelectorAll("[data-state]")) part.hidden = part.dataset.state !== state;
  const ending = document.querySelector(`[data-state="${state}"]`);
  ending?.focus();
}

async function poll() {
  const answer = await fetch(pollUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ login, draw }),
    cache: "no-store",
    credentials: "same-origin",
  });
  if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
  const body = await answer.json();
  if (!answer.ok) return body.state ?? "expired";
  if (body.qr && picture) {
    picture.innerHTML = body.qr; // drawn by our own server, from our own link
    picture.dataset.scan = body.scan;
  }
  if (body.link && link) link.href = body.link;
  if (body.seconds !== undefined) {
    draw = body.draw;
    redrawAt = performance.now() + body.seconds * 1000;
  }
  if (body.next) {
    finish("granted");
    location.replace(body.next);
  }
  return body.state;
}

async function follow() {
  try {
    const state = await poll();
    failures = 0;
    if (state !== "waiting") return state === "granted" || finish(state);
    if (!asking) say(waiting);
  } catch {
    failures += 1;
    if (failures > 1) say(unreachable);
  }
  setTimeout(follow, Math.min(1000 * 2 ** Math.max(0, failures - 1), 8000));
  return undefined;
}

async function post(url, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
    credentials: "same-origin",
  });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail ?? said.code ?? String(answer.status));
  return said;
}

/** Hands the request to the browser's own wallet chooser and brings back what the wallet answered. */
async function askBrowser() {
  button.disabled = true;
  asking = true;
  say(browserAsking);
  try {
    const { requests, answer_uri: answerUri } = await post("/login/handed", { login });
    const credential = await navigator.credentials.get({ mediation: "required", digital: { requests } });
    const data = typeof credential.data === "string" ? JSON.parse(credential.data) : credential.data;
    await post(answerUri, data);
    const state = await poll();
    if (state !== "granted") finish(state);
  } catch (error) {
    const told = ["NotAllowedError", "AbortError", "NotSupportedError", "TypeError"].includes(error.name) ? "" : ` ${error.message}`;
    say(browserFailed + told);
    button.disabled = false;
    setTimeout(() => (asking = false), 8000);
  }
}

/** Whether this browser can ask for a credential by the protocol that the login speaks. */
function asksWallets() {
  if (!("DigitalCredential" in globalThis) || !navigator.credentials) return false;
  const allows = globalThis.DigitalCredential.userAgentAllowsProtocol;
  return !allows || allows.call(DigitalCredential, "openid4vp-v1-signed");
}

if (page) {
  if (asksWallets()) {
    document.querySelector("[data-browser-way]").hidden = false;
    button.addEventListener("click", askBrowser);
  }
  document.documentElement.classList.add("scripted");
  setInterval(tick, 250);
  setTimeout(follow, 1000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
