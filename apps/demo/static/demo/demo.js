// Shows the demo's state and sends its buttons' clicks. All words come from the page or from the server.
"use strict";

const POLL_MS = 500;
const page = document.body;
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

let shown = null; // the last state
let clockOffset = 0; // the server's clock minus ours, in ms
let timer = 0;
let complainedByClick = false;

function cookie(name) {
  const entry = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
  return entry ? decodeURIComponent(entry.slice(name.length + 1)) : "";
}

// What a click brought stays to be read until the next click; what a look brought goes with the next good look.
function complain(text, clicked) {
  const problem = find("[data-problem]");
  if (!text && !clicked && complainedByClick) return;
  complainedByClick = Boolean(text) && clicked;
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
}

async function talk(url, fields) {
  const options = { headers: { Accept: "application/json" }, cache: "no-store" };
  if (fields) {
    options.method = "POST";
    options.headers["X-CSRFToken"] = cookie("csrftoken");
    options.body = new URLSearchParams(fields);
  }
  const clicked = Boolean(fields);
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    complain(page.dataset.unreachable, false);
    return;
  }
  const content = await answer.json().catch(() => null);
  // Answers overtake each other: an older state never overwrites a newer one.
  if (content && content.portal && !(shown && content.now < shown.now)) draw(content);
  complain(problemOf(answer, content), clicked);
}

function problemOf(answer, content) {
  if (content && content.error) return content.error;
  if (answer.status === 403) return page.dataset.outdated;
  return answer.ok && content ? "" : page.dataset.refused.replace("%s", answer.status);
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  await talk(page.dataset.state);
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS);
}

async function press(button) {
  const buttons = all("button");
  const area = button.closest("section");
  buttons.forEach((one) => (one.disabled = true));
  const request = shown && shown.phone.request;
  const decision = button.dataset.decision;
  const fields = decision ? { decision, transaction_id: request ? request.transaction_id : "" } : {};
  page.classList.add("busy");
  await talk(button.dataset.post, fields);
  page.classList.remove("busy");
  buttons.forEach((one) => (one.disabled = false));
  keepFocus(button, area);
}

// A button that was pressed may be gone: whoever uses the keyboard goes on from the heading in its place.
function keepFocus(button, area) {
  if (button.offsetParent !== null) button.focus({ preventScroll: true });
  else if (area) {
    const heading = [...area.querySelectorAll("h2")].find((one) => one.offsetParent !== null);
    if (heading) heading.focus({ preventScroll: true });
  }
}

function draw(state) {
  const before = shown;
  shown = state;
  clockOffset = state.now - Date.now();
  const { portal, phone } = state;
  show("portal", portal.status);
  show("phone", phone.status);
  find("[data-stage]").classList.toggle("ringing", phone.status === "ringing");
  find("[data-portal-text]").textContent = portal.text;
  find("[data-late]").hidden = !portal.worker_is_late;
  all("[data-when-phone]").forEach((part) => (part.hidden = part.dataset.whenPhone !== phone.status));
  if (phone.problem) find("[data-phone-problem]").textContent = phone.problem;
  if (phone.request) drawRequest(phone.request);
  drawSteps(state.steps);
  tick();
  if (!before) return;
  const changed = ["portal", "phone"].filter((side) => state[side].status !== before[side].status);
  if (changed.length) find("[data-announce]").textContent = changed.map((side) => spoken(side, state[side].status)).join(" ");
}

function show(side, status) {
  all(`[data-${side}]`).forEach((part) => {
    const hidden = part.dataset[side] !== status;
    if (part.hidden !== hidden) part.hidden = hidden;
  });
}

function drawRequest(request) {
  find("[data-push-message]").textContent = request.push_message;
  const message = find("[data-message]");
  message.textContent = request.message || "…";
  const problem = find("[data-request-problem]");
  problem.textContent = request.problem;
  problem.hidden = !request.problem;
  find("[data-progress]").max = request.life_seconds;
}

// What a screen reader is told: whose screen it is, its heading and its texts.
function spoken(side, status) {
  const panel = find(`[data-${side}="${status}"]`);
  if (!panel) return "";
  const parts = panel.querySelectorAll("h2, p:not([aria-hidden]):not([hidden]):not(.left):not(.actions):not(.from)");
  const texts = [panel.closest("section").getAttribute("aria-label"), ...[...parts].map((part) => part.textContent.trim())];
  return texts.filter(Boolean).map((text) => (/[.?!…]$/.test(text) ? text : text + ".")).join(" ");
}

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

function drawSteps(steps) {
  const list = find("[data-steps]");
  const numbers = new Set(steps.map((step) => String(step.number)));
  [...list.children].forEach((item) => numbers.has(item.dataset.number) || item.remove());
  const last = Number(list.lastElementChild ? list.lastElementChild.dataset.number : 0);
  const fresh = steps.filter((step) => step.number > last);
  fresh.forEach((step) => list.append(stepItem(step)));
  find("[data-no-steps]").hidden = steps.length > 0;
  if (fresh.length) list.scrollTop = list.scrollHeight;
}

function stepItem(step) {
  const item = find("[data-step]").content.firstElementChild.cloneNode(true);
  const at = new Date(step.at);
  item.dataset.number = step.number;
  item.className = `by-${step.actor}${step.failed ? " failed" : ""}`;
  item.querySelector("time").dateTime = at.toISOString();
  item.querySelector("time").textContent = `${timeFormat.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  item.querySelector("b").textContent = find(`[data-actor="${step.actor}"]`).content.textContent;
  item.querySelector("code").textContent = step.call;
  item.querySelector("small").textContent = step.note;
  return item;
}

// What changes with the clock alone.
function tick() {
  const now = new Date();
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(now);
  all("[data-clock]").forEach((part) => part.textContent === clock || (part.textContent = clock));
  find("[data-date]").textContent = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" }).format(now);
  if (!shown) return;
  countDown("portal", shown.portal.ends_at);
  if (shown.phone.request) countDown("phone", shown.phone.request.ends_at);
}

function countDown(side, endsAt) {
  const seconds = Math.max(0, Math.ceil((endsAt - Date.now() - clockOffset) / 1000));
  find(`[data-left="${side}"]`).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  if (side === "phone") find("[data-progress]").value = seconds;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) press(button);
});
document.addEventListener("visibilitychange", poll);
setInterval(tick, 1000);
tick();
poll();
