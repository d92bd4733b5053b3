/** One request: its texts, the time left, and the answer. */

import { InvalidTransaction, type Challenge } from "@countersign/device";
import { button, buttons, foreignText, h } from "../dom.ts";
import { describe } from "../errors.ts";
import { t, time } from "../i18n.ts";
import type { App, Route, Screen } from "../router.ts";
import { Answers } from "./answers.ts";
import { ListedRequest } from "./code.ts";
import { attempt, Problem } from "./parts.ts";
import { TimeLeft } from "./time-left.ts";

export function requestScreen(app: App, { transactionId = "", profileId = "" }: Route): Screen {
  const content = h("div", { class: "stack", "aria-busy": true }, h("p", { class: "soft" }, t("loading")));
  const timer = new TimeLeft(app);
  const listed = new ListedRequest(app, transactionId);
  const answers = new Answers(app);
  let isStopped = false;
  let shown: Challenge | undefined;
  const load = async (): Promise<void> => {
    try {
      const challenge = await loadChallenge(app, transactionId, profileId);
      if (isStopped) return;
      shown = challenge;
      if (challenge.type.codeToPhone) app.retitle(t("code_title"));
      content.replaceChildren(...parts(app, challenge, timer, answers));
      await timer.start(challenge);
    } catch (error) {
      if (!isStopped) showFailure(app, content, error, profileId, () => void load());
    }
    content.ariaBusy = null;
  };
  void load();
  const stop = (): void => {
    isStopped = true;
    timer.stop();
  };
  const update = (): void => {
    // A request whose time is over leaves the list a moment before the countdown ends.
    const hasEnded = listed.hasEnded() && !timer.isEnding;
    if (!isStopped && hasEnded && shown !== undefined && answers.showsCode) void answers.finish(shown, "code_ended");
  };
  update();
  return { title: t("request_title"), content: [content], update, stop };
}

async function loadChallenge(app: App, transactionId: string, profileId: string): Promise<Challenge> {
  const challenge = app.challenges.get(transactionId) ?? (await app.phone.fetch({ transactionId, profileId }));
  app.challenges.set(transactionId, challenge);
  return challenge;
}

function showFailure(app: App, content: HTMLElement, error: unknown, profileId: string, retry: () => void): void {
  const gone = new Answers(app).resultOf(error);
  if (gone !== undefined || error instanceof InvalidTransaction) {
    app.result = { kind: gone ?? "ended", profileId };
    app.replace({ name: "result" });
    return;
  }
  const problem = new Problem();
  content.replaceChildren(problem.element, buttons(button(t("retry"), "main", retry)));
  problem.show(describe(error));
}

function parts(app: App, challenge: Challenge, timer: TimeLeft, answers: Answers): HTMLElement[] {
  const application = app.phone.applicationName(challenge.profileId);
  const { message, signingData, timestamp } = challenge;
  const isLocked = app.phone.status(challenge.profileId)?.locked === true;
  return [
    h(
      "section",
      { class: "card", "aria-label": t("request_default") },
      h("p", { class: "soft" }, t("request_text", { application })),
      foreignText("p", message, { class: "message" }),
      ...(signingData === undefined ? [] : signing(signingData)),
      h("p", { class: "soft" }, t("received", { time: time(timestamp) })),
      timer.element,
    ),
    ...(isLocked ? [h("p", { class: "notice bad", role: "alert" }, t("locked", { application }))] : []),
    answers.element(challenge),
  ];
}

/** The complete text, without a scroll area that could hide a part of it. */
function signing(text: string): HTMLElement[] {
  return [h("h2", { id: "signing" }, t("signing")), foreignText("pre", text, { "aria-labelledby": "signing" })];
}

/** Confirmation of a report. */
export function fraudScreen(app: App, { transactionId = "", profileId = "" }: Route): Screen {
  const problem = new Problem();
  const challenge = app.challenges.get(transactionId);
  const report = async (): Promise<void> => {
    if (challenge === undefined) app.home();
    else await new Answers(app).deny(challenge, true);
  };
  const area = buttons(
    button(t("fraud_confirm"), "danger", () => attempt(area, problem, report)),
    button(t("cancel"), "quiet", () => {
      app.replace({ name: "request", transactionId, profileId });
    }),
  );
  return { title: t("fraud_confirm_title"), content: [h("p", {}, t("fraud_confirm_text")), problem.element, area] };
}
