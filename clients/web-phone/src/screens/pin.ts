/** Set or change the PIN. */

import { h } from "../dom.ts";
import { ShownError } from "../errors.ts";
import { isFingerprintPossible } from "../fingerprint.ts";
import { t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App, Route, Screen } from "../router.ts";
import { canSetFingerprint } from "./fingerprint.ts";
import { isSimple, MIN_PIN_LENGTH, PinPad } from "./pin-pad.ts";

export function pinScreen(app: App, { profileId = "" }: Route): Screen {
  const hasPin = app.phone.profile(profileId)?.pin === "registered";
  const area = h("div", {});
  void askPins(app, profileId, hasPin, area);
  return { title: t(hasPin ? "pin_change" : "pin_set"), content: [area] };
}

/** Ask for the current PIN, the new one and its repetition. */
async function askPins(app: App, profileId: string, hasPin: boolean, area: HTMLElement): Promise<void> {
  const currentPin = hasPin ? await ask(area, t("pin_current"), "") : undefined;
  const pin = await ask(area, t("pin_new"), t("pin_new_hint", { count: MIN_PIN_LENGTH }), (value) => {
    if (isSimple(value)) throw new ShownError(t("pin_simple"));
  });
  const pad = new PinPad({
    label: t("pin_repeat"),
    submit: t("pin_set"),
    onPin: async (repeated) => {
      if (repeated !== pin) throw new ShownError(t("pin_different"));
      await register(app, profileId, pin, currentPin);
    },
  });
  show(area, pad);
}

function ask(area: HTMLElement, label: string, hint: string, check?: (pin: string) => void): Promise<string> {
  return new Promise((resolve) => {
    // eslint-disable-next-line @typescript-eslint/require-await -- an exception of `check` must become a rejection
    const onPin = async (pin: string): Promise<void> => {
      check?.(pin);
      resolve(pin);
    };
    show(area, new PinPad({ label, hint, submit: t("continue"), onPin }));
  });
}

function show(area: HTMLElement, pad: PinPad): void {
  area.replaceChildren(pad.element);
  // The router focuses the heading first.
  setTimeout(() => {
    pad.focus();
  });
}

async function register(app: App, profileId: string, pin: string, currentPin: string | undefined): Promise<void> {
  const options = currentPin === undefined ? {} : { currentPin };
  try {
    await app.phone.call(() => app.phone.device.registerPin(profileId, pin, options), profileId);
  } catch (error) {
    if (!isAccountGone(error)) throw error;
    app.replace({ name: "account", profileId });
    return;
  }
  await app.phone.refresh().catch(() => undefined);
  if (currentPin !== undefined) {
    app.notify("pin_changed");
    app.replace({ name: "account", profileId });
  } else if (canSetFingerprint(app, profileId) && (await isFingerprintPossible())) {
    app.newPin = pin;
    app.replace({ name: "fingerprint", profileId });
  } else {
    app.replace({ name: "push" });
  }
}
