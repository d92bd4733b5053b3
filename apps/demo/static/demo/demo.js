// Displays the state of the demo and sends the clicks of its buttons. All texts come from the page or the server.
"use strict";

const POLL_MS = 500;
const page = document.body;
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

let lastState = null; // last state of the server
let clockOffset = 0; // clock of the server minus clock of the browser, in ms
let timer = 0;
let isClickError = false;

function cookie(name) {
  const entry = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
  return entry ? decodeURIComponent(entry.slice(name.length + 1)) : "";
}

// The error of a click stays until the next click; the error of a poll until the next successful poll.
function showError(text, isClick) {
  const problem = find("[data-problem]");
  if (!text && !isClick && isClickError) return;
  isClickError = Boolean(text) && isClick;
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = !text;
}

async function sendRequest(url, fields) {
  const options = { headers: { Accept: "application/json" }, cache: "no-store" };
  if (fields) {
    options.method = "POST";
    options.headers["X-CSRFToken"] = cookie("csrftoken");
    options.body = new URLSearchParams(fields);
  }
  const isClick = Boolean(fields);
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    showError(page.dataset.unreachable, false);
    return;
  }
  const content = await response.json().catch(() => null);
  // Responses can arrive out of order. An older state must not replace a newer one.
  if (content && content.portal && !(lastState && content.now < lastState.now)) draw(content);
  showError(errorText(response, content), isClick);
}

function errorText(response, content) {
  if (content && content.error) return content.error;
  if (response.status === 403) return page.dataset.outdated;
  return response.ok && content ? "" : page.dataset.httpError.replace("%s", response.status);
}

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return;
  await sendRequest(page.dataset.state);
  clearTimeout(timer);
  timer = setTimeout(poll, POLL_MS);
}

async function submit(button) {
  const buttons = all("button").filter((element) => !element.disabled);
  const area = button.closest("section");
  buttons.forEach((element) => (element.disabled = true));
  const request = lastState && lastState.phone.request;
  const decision = button.dataset.decision;
  const fields = decision ? { decision, transaction_id: request ? request.transaction_id : "" } : {};
  if (button.dataset.method) fields.method = button.dataset.method;
  if (button.dataset.keys) fields.keys = button.dataset.keys;
  if (button.dataset.codeForm !== undefined) fields.code = button.elements.code.value;
  if (decision === "approve" && request && request.number_digits) fields.number = find("#match").value.trim();
  if (button.dataset.pinForm !== undefined) fields.pin = button.elements.pin.value;
  if (button.dataset.fingerprint !== undefined) fields.fingerprint = "1";
  page.classList.add("busy");
  await sendRequest(button.dataset.post, fields);
  page.classList.remove("busy");
  buttons.forEach((element) => (element.disabled = false));
  if (lastState) drawPortal(lastState.portal);
  keepFocus(button, area);
}

// The clicked button can be hidden now: move the keyboard focus to the field or heading in its place.
function keepFocus(button, area) {
  const field = button.offsetParent !== null && button.elements && (button.elements.code || button.elements.pin);
  if (field) field.select();
  else if (button.offsetParent !== null) button.focus({ preventScroll: true });
  else if (area) {
    const next = [...area.querySelectorAll("#code"), ...area.querySelectorAll("h2")].find((element) => element.offsetParent !== null);
    if (next) next.focus({ preventScroll: true });
  }
}

function draw(state) {
  const before = lastState;
  lastState = state;
  clockOffset = state.now - Date.now();
  const { portal, phone } = state;
  show("portal", portal.status);
  show("phone", phone.status);
  find("[data-stage]").classList.toggle("ringing", phone.status === "ringing");
  find("[data-stage]").classList.toggle("phone-active", ["ringing", "sms"].includes(phone.status) || phone.can_scan);
  find("[data-portal-message]").textContent = portal.message;
  all("[data-late]").forEach((part) => (part.hidden = !portal.worker_is_late));
  drawPortal(portal);
  drawMessages(phone.messages);
  find("[data-scan]").hidden = !phone.can_scan;
  find("[data-key-name]").textContent = phone.key_name;
  find("[data-browser-name]").textContent = phone.browser;
  all("[data-browser-push]").forEach((part) => (part.hidden = (part.dataset.browserPush === "yes") !== phone.browser_has_push));
  all("[data-browser]").forEach((part) => (part.hidden = (part.dataset.browser === "enrolled") !== Boolean(phone.browser)));
  all("[data-when-phone]").forEach((part) => (part.hidden = part.dataset.whenPhone !== phone.status));
  if (phone.problem) find("[data-phone-problem]").textContent = phone.problem;
  if (phone.request) drawRequest(phone.request);
  drawSteps(state.steps);
  const otherAnnouncements = drawOtherDevices(state.other_devices);
  tick();
  if (!before) return;
  const changed = ["portal", "phone"].filter((side) => state[side].status !== before[side].status);
  const announcements = [...changed.map((side) => announcement(side, state[side].status)), ...otherAnnouncements];
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
  const wrong = portal.status === "enter_code" ? portal.message : "";
  if (note.textContent !== wrong) note.textContent = wrong;
  note.hidden = !wrong;
  find("[data-number]").textContent = portal.phone_number;
  find("[data-match]").hidden = !portal.number;
  find("[data-match-number]").textContent = portal.number;
  const isSms = portal.method !== "code";
  all("[data-code-from]").forEach((part) => (part.hidden = (part.dataset.codeFrom === "sms") !== isSms));
  find("[data-resend]").disabled = portal.resends_left < 1;
  find("[data-resend]").hidden = !isSms;
  if (portal.status !== "enter_code") find("[data-code-form]").reset();
  const code = find("[data-qr]");
  const source = portal.status === "scan" ? `${code.dataset.qr}?ends=${portal.ends_at}` : "";
  if (source && code.getAttribute("src") !== source) {
    code.setAttribute("src", source);
    showOtp();
  }
  if (!source) code.removeAttribute("src");
}

async function showOtp() {
  const place = find("[data-otp]");
  const response = await fetch(place.dataset.otp, { cache: "no-store" }).catch(() => null);
  place.textContent = response && response.ok ? await response.text() : "";
}

function drawMessages(messages) {
  const list = find("[data-messages]");
  const known = messages.map((message) => message.at).join();
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(...messages.toReversed().map(messageItem));
}

function messageItem(message) {
  const item = find("[data-message-template]").content.firstElementChild.cloneNode(true);
  item.querySelector("b").textContent = message.sender;
  item.querySelector("time").textContent = minuteFormat.format(new Date(message.at));
  item.querySelector(".message-text").textContent = message.message;
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
  find("[data-progress]").max = request.lifetime_seconds;
  drawApproval(request);
}

// Draws the requested credentials and the signing data.
function drawApproval(request) {
  const form = find("[data-pin-form]");
  const signed = find("[data-signing-data]");
  const hint = find("[data-hint]");
  signed.textContent = request.signing_data;
  signed.hidden = !request.signing_data;
  const match = find("#match");
  find("[data-match-field]").hidden = !request.number_digits;
  match.maxLength = request.number_digits || 6;
  if (form.dataset.of !== request.transaction_id) match.value = "";
  const needsCredential = request.required_credentials.length > 0;
  // The answers need the room.
  form.closest(".screen").classList.toggle("needs-input", needsCredential || request.number_digits > 0);
  find("[data-plain]").hidden = needsCredential || request.has_code;
  all("[data-submit]").forEach((part) => (part.hidden = (part.dataset.submit === "code") !== request.has_code));
  const code = find("[data-shown-code]");
  if (code.textContent !== request.code) code.textContent = request.code;
  code.hidden = !request.code;
  find("[data-fingerprint]").hidden = Boolean(request.code) || !request.required_credentials.includes("fingerprint");
  form.hidden = Boolean(request.code) || !request.required_credentials.includes("pin");
  if (form.dataset.of !== request.transaction_id) form.reset();
  form.dataset.of = request.transaction_id;
  if (hint.textContent !== request.hint) hint.textContent = request.hint;
  hint.hidden = !request.hint;
}

// Text for screen readers: the name of the screen, its heading and its texts.
function announcement(side, status) {
  const panel = find(`[data-${side}="${status}"]`);
  if (!panel) return "";
  const parts = panel.querySelectorAll("h2, p:not([aria-hidden]):not([hidden]):not(.countdown):not(.actions):not(.from)");
  const texts = [panel.closest("section").getAttribute("aria-label"), ...[...parts].map((part) => part.textContent.trim())];
  return texts.filter(Boolean).map((text) => (/[.?!…]$/.test(text) ? text : text + ".")).join(" ");
}

const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const timeFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

// Removes items without an entry; returns the entries without an item.
function updateList(list, entries, newest) {
  const numbers = new Set(entries.map((entry) => String(entry.number)));
  [...list.children].forEach((item) => numbers.has(item.dataset.number) || item.remove());
  const last = Number(newest() ? newest().dataset.number : 0);
  return entries.filter((entry) => entry.number > last);
}

function drawSteps(steps) {
  const list = find("[data-steps]");
  const added = updateList(list, steps, () => list.lastElementChild);
  added.forEach((step) => list.append(stepItem(step)));
  find("[data-no-steps]").hidden = steps.length > 0;
  if (added.length) list.scrollTop = list.scrollHeight;
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

// Draws the messages for other devices. Returns the announcement of new ones for screen readers.
function drawOtherDevices(messages) {
  const list = find("[data-other-devices]");
  const added = updateList(list, messages, () => list.firstElementChild);
  added.forEach((message) => list.prepend(otherDeviceItem(message)));
  find("[data-other-devices-section]").hidden = messages.length === 0;
  return added.length ? [find("[data-other-announcement]").content.textContent, added.at(-1).message] : [];
}

function otherDeviceItem(message) {
  const item = find("[data-other]").content.firstElementChild.cloneNode(true);
  stamp(item, message);
  item.querySelector("b").textContent = find(`[data-kind="${message.kind}"]`).content.textContent;
  item.querySelector("code").textContent = message.recipient;
  item.querySelector(".message-text").textContent = message.message;
  return item;
}

// Updates the parts that depend on the time.
function tick() {
  const now = new Date();
  const clock = minuteFormat.format(now);
  all("[data-clock]").forEach((part) => part.textContent === clock || (part.textContent = clock));
  find("[data-date]").textContent = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" }).format(now);
  if (!lastState) return;
  countDown(all("[data-countdown]"), lastState.portal.ends_at);
  if (lastState.phone.request) find("[data-progress]").value = countDown(all("[data-phone-countdown]"), lastState.phone.request.ends_at);
}

function countDown(parts, endsAt) {
  const seconds = Math.max(0, Math.ceil((endsAt - Date.now() - clockOffset) / 1000));
  parts.forEach((part) => (part.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`));
  return seconds;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button) submit(button);
});
document.addEventListener("submit", (event) => {
  if (!event.target.dataset.post) return; // it opens a page
  event.preventDefault();
  submit(event.target);
});
document.addEventListener("visibilitychange", poll);
setInterval(tick, 1000);
tick();
poll();
