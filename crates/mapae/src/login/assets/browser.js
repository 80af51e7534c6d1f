// Enrols this browser by a passkey, and begins a login with it. The server judges what the passkey signs.

const said = document.querySelector("[data-said]");

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function post(url, body, csrf) {
  const headers = { "content-type": "application/json" };
  if (csrf) headers["x-csrf-token"] = csrf;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store", credentials: "same-origin" });
  const told = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(told.detail ?? String(answer.status));
  return told;
}

const credentials = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));

async function enrol(form) {
  const { csrf } = form.dataset;
  const { options } = await post("/portal/browsers/options", {}, csrf);
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: credentials(options.excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = made.response;
  const credential = { id: made.id, response: { clientDataJSON: text(clientDataJSON), attestationObject: text(attestationObject) } };
  await post("/portal/browsers/enrol", { name: form.elements.name.value, credential }, csrf);
  location.reload();
}

async function begin(form) {
  const { login } = form.dataset;
  const { options } = await post("/login/browser/options", { login });
  const used = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: credentials(options.allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature } = used.response;
  const response = { clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature) };
  const { next } = await post("/login/browser/start", { login, credential: { id: used.id, response } });
  location.replace(next);
}

for (const [selector, act] of [["[data-enrol]", enrol], ["[data-begin]", begin]]) {
  const form = document.querySelector(selector);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    said.textContent = "";
    try {
      await act(form);
    } catch (error) {
      const known = ["NotAllowedError", "InvalidStateError", "SecurityError", "AbortError"].includes(error.name);
      said.textContent = known ? form.dataset.failed : error.message;
      button.disabled = false;
    }
  });
}
