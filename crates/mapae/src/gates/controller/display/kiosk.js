// A desk without a gate. It hands codes to the controller, shows what that decides, and keeps nothing.
const SHOWN_MS = 5000;
const element = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search).get("door");
let door = asked;
let back;
let last;

function show(state, sign, ko, en) {
  document.body.dataset.state = state;
  element("sign").textContent = sign;
  element("ko").textContent = ko;
  element("en").textContent = en;
}

function rest() {
  back = undefined;
  show("waiting", "QR", "휴대전화의 출입 QR을 보여 주세요", "Show the entry QR on your phone");
}

/** One code, once: the same picture stays before the camera for a while. */
async function read(text) {
  const code = text.trim();
  if (!code || code === last) return;
  last = code;
  let said;
  try {
    const answer = await fetch(`/doors/${encodeURIComponent(door)}/code`, { method: "POST", body: code });
    if (!answer.ok) throw new Error(String(answer.status));
    said = await answer.json();
  } catch {
    last = undefined;
    said = { opened: false, ko: "제어기와 연결이 끊겼습니다. 경비실에 문의하세요", en: "The controller can't be reached: ask the guard" };
  }
  clearTimeout(back);
  show(said.opened ? "opened" : "refused", said.opened ? "✓" : "✕", said.ko, said.en);
  back = setTimeout(rest, SHOWN_MS);
}

// A reader that plays a keyboard ends each code with Enter.
let typed = "";
addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ") && !typed) return;
  if (event.key === "Enter") {
    event.preventDefault();
    const text = typed;
    typed = "";
    read(text);
  } else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
    typed = (typed + event.key).slice(-2048);
  }
});

/** A function that finds a code in the video's picture. */
async function eye(video) {
  const formats = (await globalThis.BarcodeDetector?.getSupportedFormats?.().catch(() => [])) ?? [];
  if (formats.includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async () => (await detector.detect(video))[0]?.rawValue;
  }
  const scan = await import("/scan/read.js");
  await scan.default({ module_or_path: fetch("/scan/read.wasm") });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async () => {
    const { videoWidth: width, videoHeight: height } = video;
    if (!width) return undefined;
    canvas.width = width;
    canvas.height = height;
    context.drawImage(video, 0, 0);
    return scan.read_rgba(context.getImageData(0, 0, width, height).data, width, height);
  };
}

async function look() {
  const video = element("camera");
  const hint = element("hint");
  if (!navigator.mediaDevices) {
    hint.textContent = "카메라를 쓸 수 없습니다. QR 스캐너로 읽히세요 · No camera: use a QR scanner";
    return;
  }
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
    await video.play();
    const find = await eye(video);
    video.hidden = false;
    hint.textContent = "";
    for (;;) {
      const text = await find().catch(() => undefined);
      if (text) await read(text);
      await new Promise((done) => setTimeout(done, 150));
    }
  } catch {
    hint.textContent = "카메라를 쓸 수 없습니다. QR 스캐너로 읽히세요 · No camera: use a QR scanner";
  }
}

function age(view) {
  const seconds = view.age_ms === null ? null : Math.floor(view.age_ms / 1000);
  if (seconds === null) return "서버 정보 없음 · Nothing known";
  const [amount, unit, name] = seconds < 120 ? [seconds, "초", "s"] : seconds < 7200 ? [Math.floor(seconds / 60), "분", "min"] : [Math.floor(seconds / 3600), "시간", "h"];
  const word = { fresh: ["최신", "fresh"], ageing: ["오래됨", "ageing"], stale: ["너무 오래됨", "stale"] }[view.freshness];
  return `서버 정보 ${amount}${unit} 전 (${word[0]}) · Known ${amount} ${name} ago (${word[1]})`;
}

function heard(view) {
  element("zone").textContent = view.zone ? `${view.zone.ko} · ${view.zone.en}` : "";
  element("age").textContent = age(view);
  const banner = element("banner");
  banner.hidden = !view.order;
  if (view.order) {
    const until = new Date(view.order.until).toLocaleString("ko-KR");
    banner.textContent = view.order.drill
      ? `훈련: 비상 출입 명령 ${view.order.id} (${until}까지) · Drill: grace order`
      : `비상 출입 명령 ${view.order.id} (${until}까지) · Grace order in force`;
  }
  if (back === undefined && document.body.dataset.state !== "waiting") rest();
}

/** In and out of the same zone, where both are there; the one that was named is chosen. */
async function ways() {
  const doors = await (await fetch("/doors")).json();
  const mine = doors.find((one) => one.id === asked) ?? doors[0];
  if (!mine) return;
  door = mine.id;
  element("door").firstChild.textContent = `${mine.name.ko} `;
  element("door").lastElementChild.textContent = mine.name.en;
  const other = doors.find((one) => one.zone === mine.zone && one.direction !== mine.direction);
  if (other) {
    const group = element("ways");
    group.hidden = false;
    for (const one of [mine, other].sort((a, b) => a.direction.localeCompare(b.direction))) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = one.direction === "in" ? "들어가기 · In" : "나가기 · Out";
      button.setAttribute("aria-pressed", String(one.id === door));
      button.addEventListener("click", () => {
        door = one.id;
        for (const each of group.children) each.setAttribute("aria-pressed", String(each === button));
      });
      group.append(button);
    }
  }
  const events = new EventSource(`/doors/${encodeURIComponent(mine.id)}/events`);
  events.addEventListener("door", (event) => heard(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    clearTimeout(back);
    back = undefined;
    show("offline", "!", "제어기와 연결이 끊겼습니다. 경비실에 문의하세요", "The controller can't be reached: ask the guard");
  });
}

await ways();
await look();
