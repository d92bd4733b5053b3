/** Scan or enter a one-time password. */

import { parseOtp } from "@countersign/device";
import { h } from "../dom.ts";
import { t } from "../i18n.ts";
import type { App, Screen } from "../router.ts";
import { cameraPart } from "./add.ts";
import { attempt, choice, field, form, Problem } from "./parts.ts";

export function otpScreen(app: App): Screen {
  const { phone } = app;
  const problem = new Problem();
  const account = choice(
    t("otp_account"),
    phone.activeAccounts.map(({ profileId }) => [profileId, `${phone.applicationName(profileId)} · ${profileId}`]),
  );
  const { element, input } = field(t("otp_text"), { type: "text", maxlength: 500 });
  const claim = async (scanned: string): Promise<void> => {
    const profileId = account.value();
    const challenge = await phone.call(() => phone.deviceOf(profileId).claimOtp(profileId, scanned), profileId);
    const { transactionId } = challenge;
    app.challenges.set(transactionId, challenge);
    app.replace({ name: "request", transactionId, profileId });
  };
  const check = async (text: string, other: "camera_other" | "otp_wrong"): Promise<void> => {
    const otp = parseOtp(text.trim());
    if (otp === undefined) problem.show(t(other));
    else await attempt(area, problem, () => claim(otp.scanned));
  };
  const area = form(t("paste"), () => check(input.value, "otp_wrong"), element);
  const camera = cameraPart(problem, (text) => void check(text, "camera_other"));
  const content = [
    h("p", {}, t("otp_intro")),
    account.element,
    ...(camera === undefined ? [] : [camera.element]),
    problem.element,
    area,
  ];
  return { title: t("otp"), content, stop: () => camera?.stop() };
}
