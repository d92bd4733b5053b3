/** Result of a request. */

import { button, buttons, h, picture } from "../dom.ts";
import { t, type Key } from "../i18n.ts";
import type { App, Screen } from "../router.ts";

export type ResultKind =
  "approved" | "not_approved" | "denied" | "fraud_done" | "code_ended" | "ended" | "expired" | "disconnected" | "lost";

export interface Result {
  readonly kind: ResultKind;
  readonly profileId: string;
}

const APPEARANCES: Readonly<Record<ResultKind, readonly [Parameters<typeof picture>[0], string, Key]>> = {
  approved: ["approved", "good", "approved_text"],
  not_approved: ["denied", "bad", "not_approved_text"],
  denied: ["denied", "", "denied_text"],
  fraud_done: ["denied", "", "fraud_done_text"],
  code_ended: ["ended", "", "code_ended_text"],
  ended: ["ended", "", "ended_text"],
  expired: ["ended", "", "expired_text"],
  disconnected: ["warning", "bad", "disconnected_text"],
  lost: ["warning", "bad", "lost_text"],
};

export function resultScreen(app: App): Screen {
  const { kind, profileId } = app.result ?? { kind: "ended", profileId: "" };
  const [shape, style, text] = APPEARANCES[kind];
  const values = { application: app.phone.applicationName(profileId) };
  const isGone = kind === "disconnected" || kind === "lost";
  const [next] = isGone ? [] : app.phone.requests;
  const done = button(t("done"), next === undefined && !isGone ? "main" : "quiet", () => {
    app.home();
  });
  const content = [
    picture(shape, style),
    h("p", {}, t(text, values)),
    ...(kind === "disconnected" ? [h("p", {}, t("again_text", values))] : []),
    buttons(
      isGone &&
        button(t("add_again"), "main", () => {
          app.replace({ name: "add" });
        }),
      next !== undefined &&
        button(t("show_next"), "main", () => {
          app.replace({ name: "request", transactionId: next.transactionId, profileId: next.profileId });
        }),
      done,
    ),
  ];
  return { title: t(kind), content, isFirst: true };
}
