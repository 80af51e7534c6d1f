// The login page: redraws the QR every ten seconds and follows what the phone answers.
// Nothing here decides anything: the server does, and the page also works without this file.

const page = document.querySelector("[data-login]");
const picture = document.querySelector("[data-qr]");
const link = document.querySelector("[data-link]");
const seconds = document.querySelector("[data-seconds]");
const status = document.querySelector("[data-status]");
const { login, pollUrl, waiting, unreachable } = page.dataset;

let draw = Number(page.dataset.draw);
let redrawAt = performance.now() + Number(page.dataset.left) * 1000;
let failures = 0;

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
    say(waiting);
  } catch {
    failures += 1;
    if (failures > 1) say(unreachable);
  }
  setTimeout(follow, Math.min(1000 * 2 ** Math.max(0, failures - 1), 8000));
  return undefined;
}

if (page) {
  document.documentElement.classList.add("scripted");
  setInterval(tick, 250);
  setTimeout(follow, 1000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}
