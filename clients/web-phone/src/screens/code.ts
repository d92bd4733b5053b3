/** Code that the user enters at the portal, instead of an approval on this device. */

import type { Challenge } from "@countersign/device";
import { h } from "../dom.ts";
import { t } from "../i18n.ts";
import type { App } from "../router.ts";

/** Create the parts that show a code. */
export function codeParts(app: App, { profileId }: Challenge, code: string): HTMLElement[] {
  const application = app.phone.applicationName(profileId);
  const output = h("output", { class: "code", tabindex: -1, "aria-label": spelled(code) }, code);
  return [output, h("p", {}, t("code_shown_text", { application }))];
}

/** Digits that a screen reader reads one by one. */
const spelled = (code: string): string => Array.from(code).join(" ");

/** Observer of the list: the server removes a request when its code was entered, or can no longer be. */
export class ListedRequest {
  readonly #app: App;
  readonly #transactionId: string;
  #wasListed = false;

  constructor(app: App, transactionId: string) {
    this.#app = app;
    this.#transactionId = transactionId;
  }

  /** Return true if the request was in the list, and no longer is. */
  hasEnded(): boolean {
    const isListed = this.#app.phone.requests.some(({ transactionId }) => transactionId === this.#transactionId);
    this.#wasListed ||= isListed;
    return this.#wasListed && !isListed;
  }
}
