/** Authenticators that this device unlocks: the fingerprint, and the custom ones of the application. */

import type { Authenticator, Challenge, Credential } from "@countersign/device";
import { button, buttons, h } from "../dom.ts";
import { t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App, Route, Screen } from "../router.ts";
import { attempt, Problem } from "./parts.ts";
import { PinPad } from "./pin-pad.ts";

const FINGERPRINT = "fingerprint";
const CUSTOM = "custom:";

/** Return the name of an authenticator, as in the token store: `fingerprint`, or `custom:` and its id. */
const nameOf = (authenticator: Authenticator): string =>
  authenticator.type === "custom" ? CUSTOM + authenticator.id : authenticator.type;

const idOf = (name: string): string => name.slice(CUSTOM.length);

export const labelOf = (name: string): string =>
  name === FINGERPRINT ? t("fingerprint") : t("custom", { id: idOf(name) });

export const setUpLabel = (name: string): string =>
  name === FINGERPRINT ? t("fingerprint_use") : t("custom_use", { id: idOf(name) });

/** Return the names of the authenticators that this device can unlock. */
export function registeredAuthenticators({ phone }: App, profileId: string): string[] {
  return (phone.profile(profileId)?.authenticators ?? []).map(nameOf);
}

/** Return the names of the authenticators that the application allows and this device lacks. */
export function missingAuthenticators(app: App, profileId: string): string[] {
  const registered = registeredAuthenticators(app, profileId);
  return (app.phone.status(profileId)?.authenticators ?? [])
    .filter(({ type, allowed }) => type !== "pin" && allowed)
    .map(nameOf)
    .filter((name) => !registered.includes(name));
}

/** Return the approvals of a method that this device can unlock, with the labels of their buttons. */
export function approvals(
  app: App,
  profileId: string,
  { method, codeToPhone }: Challenge["type"],
): { label: string; approval: Credential }[] {
  const names = registeredAuthenticators(app, profileId);
  if (method === "push_with_fingerprint") {
    const isRegistered = names.includes(FINGERPRINT);
    const label = t(codeToPhone ? "code_fingerprint" : "approve_fingerprint");
    return isRegistered ? [{ label, approval: { fingerprint: true } }] : [];
  }
  if (method !== "push_with_custom_authenticator") return [];
  return names
    .filter((name) => name.startsWith(CUSTOM))
    .map(idOf)
    .map((id) => ({ label: t(codeToPhone ? "code_custom" : "approve_custom", { id }), approval: { custom: id } }));
}

/** Set up one authenticator, or after an enrolment all. The PIN that was just set is not asked again. */
export function authenticatorScreen(app: App, { profileId = "", authenticator }: Route): Screen {
  const { newPin } = app;
  const names = authenticator === undefined ? missingAuthenticators(app, profileId) : [authenticator];
  const [first = FINGERPRINT] = names;
  const isCustom = names.length === 1 && first !== FINGERPRINT;
  const title = isCustom ? setUpLabel(first) : t("fingerprint_title");
  const label = isCustom ? setUpLabel(first) : t("fingerprint_use");
  const intro = h("p", {}, t("fingerprint_intro"));
  if (newPin === undefined) {
    const pad = new PinPad({
      label: t("pin"),
      submit: label,
      onPin: (pin) => register(app, profileId, names, pin),
    });
    return { title, content: [intro, pad.element] };
  }
  const problem = new Problem();
  const area = buttons(
    // After an interruption, some of them can be registered already.
    button(label, "main", () =>
      attempt(area, problem, () => register(app, profileId, missingAuthenticators(app, profileId), newPin)),
    ),
    button(t("later"), "quiet", () => {
      app.replace({ name: "push" });
    }),
  );
  const stop = (): void => {
    app.newPin = undefined;
  };
  return { title, content: [intro, problem.element, area], stop };
}

/** Create the credential first, in the click of the user: without it, nothing is registered. */
async function register(app: App, profileId: string, names: readonly string[], pin: string): Promise<void> {
  const isFirst = app.newPin !== undefined;
  const { phone } = app;
  const device = phone.deviceOf(profileId);
  await phone.fingerprints.prepare(phone.applicationName(profileId));
  try {
    for (const name of names) {
      await phone.call(
        () =>
          name === FINGERPRINT
            ? device.registerFingerprint(profileId, { pin })
            : device.registerCustom(profileId, idOf(name), { pin }),
        profileId,
      );
    }
  } catch (error) {
    if (!isAccountGone(error)) throw error;
    app.replace({ name: "account", profileId });
    return;
  } finally {
    phone.fingerprints.forgetPrepared();
  }
  await phone.refresh().catch(() => undefined);
  if (isFirst) app.replace({ name: "push" });
  else app.back();
}
