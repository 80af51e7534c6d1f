"use strict";
// The display of one door. It shows what the controller says and decides nothing.
const SHOWN_MS = 5000;
const element = (id) => document.getElementById(id);
const door = new URLSearchParams(location.search).get("door");
let back;
let shown;

function show(state, sign, ko, en) {
  document.body.dataset.state = state;
  element("sign").textContent = sign;
  element("ko").textContent = ko;
  element("en").textContent = en;
}

function rest(view) {
  if (view.fire) return show("opened", "!", "화재 경보: 문이 열려 있습니다. 대피하세요", "Fire alarm: the door is open. Leave the building");
  if (view.trouble) return show("alarm", "!", view.trouble.ko, view.trouble.en);
  if (!view.time_trusted) return show("refused", "!", "시각을 확인할 수 없어 열 수 없습니다. 경비실에 문의하세요", "The time can't be trusted: ask the guard");
  show("waiting", "↑", "휴대전화 잠금을 풀고 대세요", "Unlock your phone and tap");
}

function age(view) {
  const seconds = view.age_ms === null ? null : Math.floor(view.age_ms / 1000);
  const [amount, unit, name] =
    seconds === null ? [null] : seconds < 120 ? [seconds, "초", "s"] : seconds < 7200 ? [Math.floor(seconds / 60), "분", "min"] : [Math.floor(seconds / 3600), "시간", "h"];
  if (amount === null) return "서버 정보 없음 · Nothing known";
  const word = { fresh: ["최신", "fresh"], ageing: ["오래됨", "ageing"], stale: ["너무 오래됨", "stale"] }[view.freshness];
  return `서버 정보 ${amount}${unit} 전 (${word[0]}) · Known ${amount} ${name} ago (${word[1]})`;
}

// Two sounds for those who do not look: one high for open, two low for shut. Browsers play them once the page was touched.
let audio;
addEventListener("pointerdown", () => { audio ??= new AudioContext(); }, { once: true });
function sound(opened) {
  if (!audio) return;
  for (const [at, hertz] of opened ? [[0, 880]] : [[0, 220], [0.2, 220]]) {
    const tone = audio.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.12);
  }
}

function heard(view) {
  element("door").textContent = view.door.ko;
  const english = document.createElement("span");
  english.lang = "en";
  english.textContent = ` ${view.door.en}`;
  element("door").append(english);
  element("zone").textContent = view.zone ? `${view.zone.ko} · ${view.zone.en}` : "";
  element("age").textContent = age(view);
  const { decided, alarm } = view;
  const previous = shown && Date.now() < shown.until ? shown : undefined;
  if (decided) shown = { ...decided, until: Date.now() + SHOWN_MS };
  // A door that is still open for the one before is not open for whoever was refused after.
  const refused = decided ? !decided.opened : previous && !previous.opened;
  element("lock").textContent = !view.unlocked
    ? "문 잠김 · Locked"
    : refused && !view.fire
      ? "문은 앞사람에게만 열려 있습니다 · Open for the person before only"
      : "문 열림 · Unlocked";
  const banner = element("banner");
  banner.hidden = !view.order;
  if (view.order) {
    const until = new Date(view.order.until).toLocaleString("ko-KR");
    banner.textContent = view.order.drill
      ? `훈련: 비상 출입 명령 ${view.order.id} (${until}까지) · Drill: grace order`
      : `비상 출입 명령 ${view.order.id} (${until}까지) · Grace order in force`;
  }
  if (decided || alarm) {
    clearTimeout(back);
    back = undefined;
    // Whoever was refused just before sees it on, beside the sign of the next one.
    const before = element("before");
    before.hidden = !(decided?.opened && previous && !previous.opened);
    if (!before.hidden) before.textContent = `✕ 앞사람: ${previous.ko} · The one before: ${previous.en}`;
    if (decided) show(decided.opened ? "opened" : "refused", decided.opened ? "✓" : "✕", decided.ko, decided.en);
    else show("alarm", "!", alarm.ko, alarm.en);
    sound(Boolean(decided?.opened));
    back = setTimeout(() => { back = undefined; }, SHOWN_MS);
  } else if (back === undefined) {
    element("before").hidden = true;
    rest(view);
  }
}

async function choose() {
  const doors = await (await fetch("/doors")).json();
  show("waiting", "?", "표시할 출입구를 고르세요", "Choose the door to show");
  const list = element("doors");
  list.hidden = false;
  for (const one of doors) {
    const link = document.createElement("a");
    link.href = `/?door=${encodeURIComponent(one.id)}`;
    link.textContent = `${one.name.ko} · ${one.name.en}`;
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
}

if (door === null) {
  choose();
} else {
  const events = new EventSource(`/doors/${encodeURIComponent(door)}/events`);
  events.addEventListener("door", (event) => heard(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    clearTimeout(back);
    back = undefined;
    show("offline", "!", "제어기와 연결이 끊겼습니다. 경비실에 문의하세요", "The controller can't be reached: ask the guard");
  });
}
