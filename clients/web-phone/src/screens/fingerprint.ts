/** Set up the fingerprint. */

import { button, buttons, h } from "../dom.ts";
import { t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App, Route, Screen } from "../router.ts";
import { attempt, Problem } from "./parts.ts";
import { PinPad } from "./pin-pad.ts";

/** Return true if the application allows the fingerprint and this device has none. */
export function canSetFingerprint(app: App, profileId: string): boolean {
  const allowed = app.phone
    .status(profileId)
    ?.authenticators.some(({ type, allowed }) => type === "fingerprint" && allowed);
  return allowed === true && !hasFingerprint(app, profileId);
}

export function hasFingerprint(app: App, profileId: string): boolean {
  return app.phone.profile(profileId)?.authenticators.some(({ type }) => type === "fingerprint") === true;
}

/** After the PIN was set, it is known and not asked again. */
export function fingerprintScreen(app: App, { profileId = "" }: Route): Screen {
  const { newPin } = app;
  const later = button(t("later"), "quiet", () => {
    app.replace({ name: "push" });
  });
  const intro = h("p", {}, t("fingerprint_intro"));
  const problem = new Problem();
  if (newPin !== undefined) {
    const set = button(t("fingerprint_use"), "main", () =>
      attempt(area, problem, () => register(app, profileId, newPin)),
    );
    const area = buttons(set, later);
    const stop = (): void => {
      app.newPin = undefined;
    };
    return { title: t("fingerprint_title"), content: [intro, problem.element, area], stop };
  }
  const pad = new PinPad({
    label: t("pin"),
    submit: t("fingerprint_use"),
    onPin: (pin) => register(app, profileId, pin),
  });
  return { title: t("fingerprint_title"), content: [intro, pad.element] };
}

/** Create the credential first, in the click of the user: without it, nothing is registered. */
async function register(app: App, profileId: string, pin: string): Promise<void> {
  const isFirst = app.newPin !== undefined;
  const { phone } = app;
  await phone.fingerprints.prepare(phone.applicationName(profileId));
  try {
    await phone.call(() => phone.device.registerFingerprint(profileId, { pin }), profileId);
  } catch (error) {
    if (!isAccountGone(error)) throw error;
    app.replace({ name: "account", profileId });
    return;
  }
  await phone.refresh().catch(() => undefined);
  app.replace(isFirst ? { name: "push" } : { name: "account", profileId });
}
