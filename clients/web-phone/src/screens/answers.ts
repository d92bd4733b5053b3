/** Approval and denial of a request, with the authenticator that its method requires. */

import {
  AuthenticatorRevoked,
  Disconnected,
  InvalidMessage,
  InvalidTransaction,
  type Approval,
  type Challenge,
} from "@countersign/device";
import { button, buttons, h } from "../dom.ts";
import { describe, ShownError } from "../errors.ts";
import { FingerprintError } from "../fingerprint.ts";
import { plural, t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App } from "../router.ts";
import { approvals } from "./authenticators.ts";
import { attempt, field, Problem, type Field } from "./parts.ts";
import { PinPad } from "./pin-pad.ts";
import type { ResultKind } from "./result.ts";

const WITHOUT_CREDENTIAL = new Set(["push", "otp"]);

export class Answers {
  readonly #app: App;
  readonly #problem = new Problem();

  constructor(app: App) {
    this.#app = app;
  }

  /** Create the controls of a request. */
  element(challenge: Challenge): HTMLElement {
    const area = h("div", { class: "stack answers" });
    const number = this.#numberField(challenge);
    const { code } = challenge;
    area.append(
      ...(number === undefined ? [] : [number.element]),
      this.#problem.element,
      ...(code === undefined ? this.#approveParts(area, challenge, number) : this.#codeParts(challenge, code)),
      buttons(
        button(t("deny"), "quiet", () => attempt(area, this.#problem, () => this.deny(challenge, false))),
        button(t("fraud"), "quiet bad", () => {
          const { transactionId, profileId } = challenge;
          this.#app.replace({ name: "fraud", transactionId, profileId });
        }),
      ),
    );
    return area;
  }

  #numberField({ numberMatchingDigits, profileId }: Challenge): Field | undefined {
    if (numberMatchingDigits === undefined) return undefined;
    const application = this.#app.phone.applicationName(profileId);
    const hint = `${t("number_hint", { application })} ${plural("digits", numberMatchingDigits)}`;
    const attributes = { type: "text", inputmode: "numeric", maxlength: numberMatchingDigits, class: "number" };
    return field(t("number"), attributes, hint);
  }

  /** A code that the user enters elsewhere: the device only shows it. */
  #codeParts({ profileId }: Challenge, code: string): HTMLElement[] {
    const application = this.#app.phone.applicationName(profileId);
    const output = h("output", { class: "code", "aria-label": t("code_shown") }, code);
    return [h("h2", {}, t("code_shown")), output, h("p", {}, t("code_shown_text", { application }))];
  }

  #approveParts(area: HTMLElement, challenge: Challenge, number: Field | undefined): HTMLElement[] {
    const { method } = challenge.type;
    const { profileId } = challenge;
    const approve = (approval: Approval): Promise<void> =>
      this.#approve(challenge, { ...approval, ...this.#readNumber(challenge, number) });
    if (WITHOUT_CREDENTIAL.has(method)) {
      return [button(t("approve"), "main wide", () => attempt(area, this.#problem, () => approve({})))];
    }
    if (this.#app.phone.profile(profileId)?.pin === "none") return [this.#pinMissing(profileId)];
    const unlocks = approvals(this.#app, profileId, method).map(({ label, approval }) =>
      button(label, "main wide", () => attempt(area, this.#problem, () => approve(approval))),
    );
    const pin = h("div", {});
    const isOnlyPin = unlocks.length === 0;
    pin.append(
      button(t(isOnlyPin ? "approve_pin" : "use_pin"), isOnlyPin ? "main wide" : "quiet", () => {
        this.#openPad(pin, challenge, number);
      }),
    );
    return [...unlocks, pin];
  }

  #pinMissing(profileId: string): HTMLElement {
    const set = button(t("pin_set"), "main", () => {
      this.#app.go({ name: "pin", profileId });
    });
    return h("div", {}, h("p", {}, t("pin_missing")), buttons(set));
  }

  #openPad(area: HTMLElement, challenge: Challenge, number: Field | undefined): void {
    try {
      this.#readNumber(challenge, number);
    } catch (error) {
      this.#problem.show(describe(error));
      return;
    }
    this.#problem.clear();
    const pad = new PinPad({
      label: t("pin"),
      submit: t("approve"),
      onPin: (pin) => this.#approve(challenge, { pin, ...this.#readNumber(challenge, number) }),
    });
    area.replaceChildren(pad.element);
    pad.focus();
  }

  /** Return the number that the user has entered. Throws ShownError if it is incomplete. */
  #readNumber({ numberMatchingDigits }: Challenge, number: Field | undefined): { number?: string } {
    if (number === undefined) return {};
    const value = number.input.value.replace(/\D/g, "");
    if (value.length !== numberMatchingDigits) {
      number.input.focus();
      throw new ShownError(t("number_wrong"));
    }
    return { number: value };
  }

  async #approve(challenge: Challenge, approval: Approval): Promise<void> {
    this.#app.announce(t("working"));
    await this.#answer(challenge, async () => {
      const status = await this.#app.phone.deviceOf(challenge.profileId).approve(challenge, approval);
      return status === "authenticated" ? "approved" : "not_approved";
    });
  }

  async deny(challenge: Challenge, fraud: boolean): Promise<void> {
    await this.#answer(challenge, async () => {
      await this.#app.phone.deviceOf(challenge.profileId).deny(challenge, { fraud });
      return fraud ? "fraud_done" : "denied";
    });
  }

  /** Send an answer and show its result. Errors after which the request is still pending are thrown. */
  async #answer(challenge: Challenge, send: () => Promise<ResultKind>): Promise<void> {
    const { phone } = this.#app;
    const { transactionId, profileId } = challenge;
    let kind: ResultKind;
    try {
      kind = await phone.call(send, profileId);
    } catch (error) {
      const result = this.resultOf(error);
      // Its token is no longer valid: the next attempt fetches the challenge again.
      if (error instanceof InvalidMessage) this.#app.challenges.delete(transactionId);
      if (error instanceof AuthenticatorRevoked || error instanceof FingerprintError)
        this.#problem.show(describe(error));
      if (result === undefined) throw error;
      kind = result;
    }
    this.#app.challenges.delete(transactionId);
    await phone.forgetRequest(transactionId);
    this.#app.result = { kind, profileId };
    this.#app.replace({ name: "result" });
    if (kind === "fraud_done") void phone.refresh().catch(() => undefined);
  }

  /** Return the result that an error means for a request, or undefined if it is still pending. */
  resultOf(error: unknown): ResultKind | undefined {
    if (error instanceof Disconnected) return "disconnected";
    if (isAccountGone(error)) return "lost";
    return error instanceof InvalidTransaction ? "ended" : undefined;
  }
}
