/** Set or change the PIN. */

import { InvalidPin } from "@countersign/device";
import { h } from "../dom.ts";
import { describe, ShownError } from "../errors.ts";
import { isFingerprintPossible } from "../fingerprint.ts";
import { t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App, Route, Screen } from "../router.ts";
import { missingAuthenticators } from "./authenticators.ts";
import { isSimple, MIN_PIN_LENGTH, PinPad } from "./pin-pad.ts";

export function pinScreen(app: App, { profileId = "" }: Route): Screen {
  const hasPin = app.phone.profile(profileId)?.pin === "registered";
  const area = h("div", {});
  void askPins(app, profileId, hasPin, area);
  return { title: t(hasPin ? "pin_change" : "pin_set"), content: [area] };
}

/** Ask for the current PIN, the new one and its repetition. `problem` is the reason to ask again. */
async function askPins(app: App, profileId: string, hasPin: boolean, area: HTMLElement, problem = ""): Promise<void> {
  const currentPin = hasPin ? await ask(area, { label: t("pin_current"), problem }) : undefined;
  await askNewPin(app, profileId, currentPin, area, hasPin ? "" : problem);
}

async function askNewPin(
  app: App,
  profileId: string,
  currentPin: string | undefined,
  area: HTMLElement,
  problem: string,
): Promise<void> {
  const hint = t("pin_new_hint", { count: MIN_PIN_LENGTH });
  const pin = await ask(area, { label: t("pin_new"), hint, problem }, (value) => {
    if (isSimple(value)) throw new ShownError(t("pin_simple"));
  });
  const onPin = async (repeated: string): Promise<void> => {
    if (repeated !== pin) {
      void askNewPin(app, profileId, currentPin, area, t("pin_different"));
      return;
    }
    try {
      await register(app, profileId, pin, currentPin);
    } catch (error) {
      if (!(error instanceof InvalidPin)) throw error;
      void askPins(app, profileId, true, area, describe(error));
    }
  };
  show(area, new PinPad({ label: t("pin_repeat"), submit: t("pin_set"), onPin }));
}

function ask(
  area: HTMLElement,
  texts: { label: string; hint?: string; problem: string },
  check?: (pin: string) => void,
): Promise<string> {
  return new Promise((resolve) => {
    // eslint-disable-next-line @typescript-eslint/require-await -- an exception of `check` must become a rejection
    const onPin = async (pin: string): Promise<void> => {
      check?.(pin);
      resolve(pin);
    };
    show(area, new PinPad({ ...texts, submit: t("continue"), onPin }));
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
    await app.phone.call(() => app.phone.deviceOf(profileId).registerPin(profileId, pin, options), profileId);
  } catch (error) {
    if (!isAccountGone(error)) throw error;
    app.replace({ name: "account", profileId });
    return;
  }
  await app.phone.refresh().catch(() => undefined);
  if (currentPin !== undefined) {
    app.notify("pin_changed");
    app.back();
  } else if (missingAuthenticators(app, profileId).length > 0 && (await isFingerprintPossible())) {
    app.newPin = pin;
    app.replace({ name: "authenticator", profileId });
  } else {
    app.replace({ name: "push" });
  }
}
