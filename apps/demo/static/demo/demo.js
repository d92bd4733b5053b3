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
  const buttons = all("button").filter((one) => !one.disabled);
  const area = button.closest("section");
  buttons.forEach((one) => (one.disabled = true));
  const request = shown && shown.phone.request;
  const decision = button.dataset.decision;
  const fields = decision ? { decision, transaction_id: request ? request.transaction_id : "" } : {};
  if (button.dataset.way) fields.way = button.dataset.way;
  if (button.dataset.codeForm !== undefined) fields.code = button.elements.code.value;
  if (decision === "approve" && request && request.number_digits) fields.number = find("#match").value.trim();
  if (button.dataset.pinForm !== undefined) fields.pin = button.elements.pin.value;
  if (button.dataset.fingerprint !== undefined) fields.fingerprint = "1";
  page.classList.add("busy");
  await talk(button.dataset.post, fields);
  page.classList.remove("busy");
  buttons.forEach((one) => (one.disabled = false));
  if (shown) drawPortal(shown.portal);
  keepFocus(button, area);
}

// A button that was pressed may be gone: whoever uses the keyboard goes on from the field or the heading in its place.
function keepFocus(button, area) {
  const field = button.offsetParent !== null && button.elements && (button.elements.code || button.elements.pin);
  if (field) field.select();
  else if (button.offsetParent !== null) button.focus({ preventScroll: true });
  else if (area) {
    const next = [...area.querySelectorAll("#code"), ...area.querySelectorAll("h2")].find((one) => one.offsetParent !== null);
    if (next) next.focus({ preventScroll: true });
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
  find("[data-stage]").classList.toggle("eyes", ["ringing", "text"].includes(phone.status) || phone.can_scan);
  find("[data-portal-text]").textContent = portal.text;
  all("[data-late]").forEach((part) => (part.hidden = !portal.worker_is_late));
  drawPortal(portal);
  drawTexts(phone.texts);
  find("[data-scan]").hidden = !phone.can_scan;
  all("[data-when-phone]").forEach((part) => (part.hidden = part.dataset.whenPhone !== phone.status));
  if (phone.problem) find("[data-phone-problem]").textContent = phone.problem;
  if (phone.request) drawRequest(phone.request);
  drawSteps(state.steps);
  const news = drawOthers(state.others);
  tick();
  if (!before) return;
  const changed = ["portal", "phone"].filter((side) => state[side].status !== before[side].status);
  const announcements = [...changed.map((side) => spoken(side, state[side].status)), ...news];
  if (announcements.length) find("[data-announce]").textContent = announcements.join(" ");
}

function show(side, status) {
  all(`[data-${side}]`).forEach((part) => {
    const hidden = part.dataset[side] !== status;
    if (part.hidden !== hidden) part.hidden = hidden;
  });
}

function drawPortal(portal) {
  const note = find("[data-code-note]");
  const wrong = portal.status === "enter_code" ? portal.text : "";
  if (note.textContent !== wrong) note.textContent = wrong;
  note.hidden = !wrong;
  find("[data-number]").textContent = portal.phone_number;
  find("[data-match]").hidden = !portal.number;
  find("[data-match-number]").textContent = portal.number;
  find("[data-send-again]").disabled = portal.resends_left < 1;
  if (portal.status !== "enter_code") find("[data-code-form]").reset();
  const code = find("[data-qr]");
  const wanted = portal.status === "scan" ? `${code.dataset.qr}?ends=${portal.ends_at}` : "";
  if (wanted && code.getAttribute("src") !== wanted) code.setAttribute("src", wanted);
  if (!wanted) code.removeAttribute("src");
}

function drawTexts(texts) {
  const list = find("[data-texts]");
  const known = texts.map((text) => text.at).join();
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(...texts.toReversed().map(textItem));
}

function textItem(text) {
  const item = find("[data-text]").content.firstElementChild.cloneNode(true);
  item.querySelector("b").textContent = text.sender;
  item.querySelector("time").textContent = minuteFormat.format(new Date(text.at));
  item.querySelector(".words").textContent = text.message;
  return item;
}

function drawRequest(request) {
  const title = find("[data-push-message]");
  title.textContent = request.push_message;
  title.hidden = !request.push_message;
  const message = find("[data-message]");
  message.textContent = request.message || "…";
  const problem = find("[data-request-problem]");
  problem.textContent = request.problem;
  problem.hidden = !request.problem;
  find("[data-progress]").max = request.life_seconds;
  drawProof(request);
}

// What the phone asks for before it approves, and what it signs.
function drawProof(request) {
  const form = find("[data-pin-form]");
  const signed = find("[data-signing-data]");
  const hint = find("[data-hint]");
  signed.textContent = request.signing_data;
  signed.hidden = !request.signing_data;
  const match = find("#match");
  find("[data-match-field]").hidden = !request.number_digits;
  match.maxLength = request.number_digits || 6;
  if (form.dataset.of !== request.transaction_id) match.value = "";
  const asks = request.asks_for.length > 0;
  // The answers need the room.
  form.closest(".screen").classList.toggle("asks", asks || request.number_digits > 0);
  find("[data-plain]").hidden = asks;
  find("[data-fingerprint]").hidden = !request.asks_for.includes("fingerprint");
  form.hidden = !request.asks_for.includes("pin");
  if (form.dataset.of !== request.transaction_id) form.reset();
  form.dataset.of = request.transaction_id;
  if (hint.textContent !== request.hint) hint.textContent = request.hint;
  hint.hidden = !request.hint;
}

// What a screen reader is told: whose screen it is, its heading and its texts.
function spoken(side, status) {
  const panel = find(`[data-${side}="${status}"]`);
  if (!panel) return "";
  const parts = panel.querySelectorAll("h2, p:not([aria-hidden]):not([hidden]):not(.left):not(.actions):not(.from)");
  const texts = [panel.closest("section").getAttribute("aria-label"), ...[...parts].map((part) => part.textContent.trim())];
  return texts.filter(Boolean).map((text) => (/[.?!…]$/.test(text) ? text : text + ".")).join(" ");
}

const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// Takes out what is no longer listed; returns what is not in the list yet.
function freshOf(list, entries, newest) {
  const numbers = new Set(entries.map((entry) => String(entry.number)));
  [...list.children].forEach((item) => numbers.has(item.dataset.number) || item.remove());
  const last = Number(newest() ? newest().dataset.number : 0);
  return entries.filter((entry) => entry.number > last);
}

function drawSteps(steps) {
  const list = find("[data-steps]");
  const fresh = freshOf(list, steps, () => list.lastElementChild);
  fresh.forEach((step) => list.append(stepItem(step)));
  find("[data-no-steps]").hidden = steps.length > 0;
  if (fresh.length) list.scrollTop = list.scrollHeight;
}

function stamp(item, entry) {
  const at = new Date(entry.at);
  item.dataset.number = entry.number;
  item.querySelector("time").dateTime = at.toISOString();
  item.querySelector("time").textContent = `${timeFormat.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function stepItem(step) {
  const item = find("[data-step]").content.firstElementChild.cloneNode(true);
  stamp(item, step);
  item.className = `by-${step.actor}${step.failed ? " failed" : ""}`;
  item.querySelector("b").textContent = find(`[data-actor="${step.actor}"]`).content.textContent;
  item.querySelector("code").textContent = step.call;
  item.querySelector("small").textContent = step.note;
  return item;
}

// Pushes and texts for devices that are not on this page. Returns what a screen reader is told of new ones.
function drawOthers(messages) {
  const list = find("[data-others]");
  const fresh = freshOf(list, messages, () => list.firstElementChild);
  fresh.forEach((message) => list.prepend(otherItem(message)));
  find("[data-others-section]").hidden = messages.length === 0;
  return fresh.length ? [find("[data-other-announcement]").content.textContent, fresh.at(-1).text] : [];
}

function otherItem(message) {
  const item = find("[data-other]").content.firstElementChild.cloneNode(true);
  stamp(item, message);
  item.querySelector("b").textContent = find(`[data-kind="${message.kind}"]`).content.textContent;
  item.querySelector("code").textContent = message.recipient;
  item.querySelector(".words").textContent = message.text;
  return item;
}

// What changes with the clock alone.
function tick() {
  const now = new Date();
  const clock = minuteFormat.format(now);
  all("[data-clock]").forEach((part) => part.textContent === clock || (part.textContent = clock));
  find("[data-date]").textContent = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" }).format(now);
  if (!shown) return;
  countDown(all("[data-left]"), shown.portal.ends_at);
  if (shown.phone.request) find("[data-progress]").value = countDown(all("[data-phone-left]"), shown.phone.request.ends_at);
}

function countDown(parts, endsAt) {
  const seconds = Math.max(0, Math.ceil((endsAt - Date.now() - clockOffset) / 1000));
  parts.forEach((part) => (part.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`));
  return seconds;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) press(button);
});
document.addEventListener("submit", (event) => {
  event.preventDefault();
  press(event.target);
});
document.addEventListener("visibilitychange", poll);
setInterval(tick, 1000);
tick();
poll();
