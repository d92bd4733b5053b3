/** One account: its authenticators, what to do if its keys are lost, and its removal. */

import { button, buttons, h, picture } from "../dom.ts";
import { t } from "../i18n.ts";
import type { App, Route, Screen } from "../router.ts";
import { labelOf, missingAuthenticators, registeredAuthenticators, setUpLabel } from "./authenticators.ts";
import { attempt, Problem } from "./parts.ts";

export function accountScreen(app: App, { profileId = "" }: Route): Screen {
  const content = h("div", { class: "stack" });
  let drawn = "";
  const update = (): void => {
    const { phone } = app;
    const state = JSON.stringify([phone.account(profileId), phone.profile(profileId), phone.status(profileId)]);
    if (state === drawn) return;
    drawn = state;
    content.replaceChildren(...parts(app, profileId));
  };
  update();
  return { title: app.phone.applicationName(profileId), content: [content], update };
}

function parts(app: App, profileId: string): HTMLElement[] {
  const state = app.phone.account(profileId)?.state ?? "lost";
  const remove = button(t("remove"), "danger", () => {
    app.go({ name: "remove", profileId });
  });
  if (state === "active") {
    const id = h("p", { class: "soft" }, t("same_code", { id: profileId }));
    return [
      id,
      ...warnings(app, profileId),
      ...pinRow(app, profileId),
      ...authenticatorRows(app, profileId),
      buttons(remove),
    ];
  }
  const values = { application: app.phone.applicationName(profileId) };
  const reason = state === "disconnected" ? [h("p", {}, t("disconnected_text"))] : [];
  const add = button(t("add_again"), "main", () => {
    app.go({ name: "add" });
  });
  return [
    picture("warning", "bad"),
    h("h2", {}, t(state)),
    ...reason,
    h("p", {}, t(state === "lost" ? "lost_text" : "again_text", values)),
    buttons(add, remove),
  ];
}

function warnings({ phone }: App, profileId: string): HTMLElement[] {
  const texts = [
    phone.status(profileId)?.locked === true && t("locked", { application: phone.applicationName(profileId) }),
    phone.profile(profileId)?.pin === "unconfirmed" && t("pin_lost"),
  ];
  return texts.filter((text) => text !== false).map((text) => h("p", { class: "notice bad" }, text));
}

function pinRow(app: App, profileId: string): HTMLElement[] {
  const { phone } = app;
  const isSet = phone.profile(profileId)?.pin === "registered";
  const status = phone.status(profileId)?.authenticators.find(({ type }) => type === "pin");
  if (!isSet && status?.allowed !== true) return [];
  const set = button(t(isSet ? "pin_change" : "pin_set"), "quiet", () => {
    app.go({ name: "pin", profileId });
  });
  return [row(t("pin"), t(isSet ? "is_set" : "is_not_set"), set)];
}

/** Fingerprint and custom authenticators. Their registration requires the PIN. */
function authenticatorRows(app: App, profileId: string): HTMLElement[] {
  const hasPin = app.phone.profile(profileId)?.pin === "registered";
  const registered = registeredAuthenticators(app, profileId).map((name) => row(labelOf(name), t("is_set"), false));
  const missing = missingAuthenticators(app, profileId).map((name) => {
    const set = button(setUpLabel(name), "quiet", () => {
      app.go({ name: "authenticator", profileId, authenticator: name });
    });
    return row(labelOf(name), t("is_not_set"), hasPin && set);
  });
  return [...registered, ...missing];
}

function row(label: string, value: string, action: HTMLElement | false): HTMLElement {
  return h("div", { class: "row" }, h("span", { class: "grow" }, h("b", {}, label), h("small", {}, value)), action);
}

export function removeScreen(app: App, { profileId = "" }: Route): Screen {
  const problem = new Problem();
  const remove = async (): Promise<void> => {
    await app.phone.remove(profileId);
    app.notify("removed");
    app.home();
  };
  const area = buttons(
    button(t("remove_confirm"), "danger", () => attempt(area, problem, remove)),
    button(t("cancel"), "quiet", () => {
      history.back();
    }),
  );
  const text = t("remove_text", { application: app.phone.applicationName(profileId) });
  return { title: t("remove_title"), content: [h("p", {}, text), problem.element, area] };
}
