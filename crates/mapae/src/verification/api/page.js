// The verifier page: hands the request to the browser's own wallet chooser where there is one, and follows a phone that
// scanned the QR. Nothing here decides anything: the server does, and QR and link work without this file.

const page = document.querySelector("[data-verify]");
const button = document.querySelector("[data-browser]");
const status = document.querySelector("[data-status]");

const say = (name) => {
  status.textContent = page.dataset[name] ?? "";
};

/** Shows how it ended and hides what can no longer be used. */
function finish(name) {
  for (const part of document.querySelectorAll("[data-while-waiting]")) part.hidden = true;
  const ending = document.querySelector(`[data-state="${name}"]`);
  ending.hidden = false;
  ending.focus();
}

async function call(url, options) {
  const answer = await fetch(url, { cache: "no-store", credentials: "omit", ...options });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.code ?? String(answer.status));
  return body;
}

/** Only protocols that this browser knows; one that can't say is given both. */
function known(requests) {
  const allows = globalThis.DigitalCredential?.userAgentAllowsProtocol;
  if (!allows) return requests;
  return requests.filter((request) => allows.call(DigitalCredential, request.protocol));
}

async function ask() {
  button.disabled = true;
  say("asking");
  try {
    const { requests, answer_uri: answerUri } = await call(page.dataset.verify, { method: "POST" });
    const credential = await navigator.credentials.get({ mediation: "required", digital: { requests: known(requests) } });
    const data = typeof credential.data === "string" ? JSON.parse(credential.data) : credential.data;
    const done = await call(answerUri, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(data),
    });
    if (done.redirect_uri) location.assign(done.redirect_uri);
    else finish(data.error ? "declined" : "answered");
  } catch (error) {
    status.textContent = `${page.dataset.failed} ${error.name === "NotAllowedError" || error.name === "AbortError" ? "" : error.message}`;
    button.disabled = false;
  }
}

async function follow() {
  try {
    const { state } = await call(page.dataset.verify);
    if (state === "answered") return finish("answered");
  } catch {
    return undefined;
  }
  setTimeout(follow, 2000);
  return undefined;
}

if (page) {
  if ("DigitalCredential" in globalThis && navigator.credentials) {
    document.querySelector("[data-browser-way]").hidden = false;
    button.addEventListener("click", ask);
  }
  if (document.querySelector("[data-qr]")) setTimeout(follow, 2000);
}
