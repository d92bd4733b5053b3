/** Turn on notifications, or read why they are not possible. */

import { button, buttons, h, picture } from "../dom.ts";
import { t } from "../i18n.ts";
import { pushState, turnOnPush, type PushState } from "../push.ts";
import type { App, Screen } from "../router.ts";
import { attempt, doneButton, Problem } from "./parts.ts";

export function pushScreen(app: App): Screen {
  const content = h("div", { class: "stack" });
  const update = (): void => void draw(app, content);
  update();
  return { title: t("push_title"), content: [picture("bell"), content], update };
}

async function draw(app: App, content: HTMLElement): Promise<void> {
  const state = await pushState(app.phone);
  const isKept = await navigator.storage.persisted().catch(() => false);
  const drawn = JSON.stringify([state, isKept]);
  if (content.dataset.drawn === drawn) return;
  content.dataset.drawn = drawn;
  const home = (): void => {
    app.home();
  };
  content.replaceChildren(
    ...parts(app, state, content),
    ...(isKept ? [] : [h("p", { class: "soft" }, t("notice_persist"))]),
    ...(state.kind === "ask" ? [] : [doneButton(home)]),
  );
}

function parts(app: App, state: PushState, content: HTMLElement): HTMLElement[] {
  switch (state.kind) {
    case "on":
      return [h("p", { class: "notice good", role: "status" }, t("push_on")), h("p", {}, t("push_on_text"))];
    case "impossible":
      return [h("p", { class: "notice late", role: "status" }, t("push_off")), h("p", {}, t(state.reason))];
    case "ask":
      return askParts(app, content);
  }
}

function askParts(app: App, content: HTMLElement): HTMLElement[] {
  const problem = new Problem();
  const turnOn = async (): Promise<void> => {
    const reason = await turnOnPush(app.phone);
    if (reason !== undefined) problem.show(t(reason));
    else await draw(app, content);
  };
  const area = buttons(
    button(t("push_ask"), "main", () => attempt(area, problem, turnOn)),
    button(t("later"), "quiet", () => {
      app.home();
    }),
  );
  return [h("p", {}, t("push_intro")), problem.element, area];
}
