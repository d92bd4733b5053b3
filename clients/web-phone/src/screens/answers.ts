/** Approval and denial of a request, with the authenticator that its method requires. */

import {
  AuthenticatorRevoked,
  Disconnected,
  InvalidMessage,
  InvalidTransaction,
  type Approval,
  type Challenge,
  type Credential,
} from "@countersign/device";
import { button, buttons, h } from "../dom.ts";
import { describe, ShownError } from "../errors.ts";
import { FingerprintError } from "../fingerprint.ts";
import { plural, t } from "../i18n.ts";
import { isAccountGone } from "../phone.ts";
import type { App } from "../router.ts";
import { approvals } from "./authenticators.ts";
import { codeParts } from "./code.ts";
import { attempt, field, Problem, type Field } from "./parts.ts";
import { PinPad } from "./pin-pad.ts";
import type { ResultKind } from "./result.ts";

const WITHOUT_CREDENTIAL = new Set(["push", "otp"]);

/** What a credential is used for. `check` throws before the PIN is requested, if another input is missing. */
interface Use {
  readonly pinLabel: string;
  readonly submit: string;
  readonly check?: () => void;
  readonly run: (credential: Credential) => Promise<void>;
}

export class Answers {
  /** True while the code of the request is on the screen. */
  showsCode = false;
  readonly #app: App;
  readonly #problem = new Problem();

  constructor(app: App) {
    this.#app = app;
  }

  /** Create the controls of a request. */
  element(challenge: Challenge): HTMLElement {
    const area = h("div", { class: "stack answers" });
    const number = this.#numberField(challenge);
    area.append(
      ...(number === undefined ? [] : [number.element]),
      this.#problem.element,
      ...(challenge.type.codeToPhone
        ? this.#codeParts(area, challenge)
        : this.#approveParts(area, challenge, number)),
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

  /** Show the code, or first the authenticators that unlock it. A locked user gets no code. */
  #codeParts(area: HTMLElement, challenge: Challenge): HTMLElement[] {
    const parts = h("div", { class: "stack" });
    const show = (code: string): void => {
      parts.replaceChildren(...codeParts(this.#app, challenge, code));
      this.#app.retitle(t("code_shown"));
      this.showsCode = true;
      // The next poll reports the end of the request.
      this.#app.poller.wake();
    };
    if (challenge.code !== undefined) show(challenge.code);
    else if (!WITHOUT_CREDENTIAL.has(challenge.type.method)) {
      const run = async (credential: Credential): Promise<void> => {
        this.#app.announce(t("working"));
        const device = this.#app.phone.deviceOf(challenge.profileId);
        const code = await this.#call(challenge, () => device.fetchCode(challenge, credential));
        if (code === undefined) return;
        show(code);
        parts.querySelector("output")?.focus();
      };
      parts.append(
        ...this.#credentialParts(area, challenge, { pinLabel: t("code_pin"), submit: t("code_show"), run }),
      );
    }
    return [parts];
  }

  #approveParts(area: HTMLElement, challenge: Challenge, number: Field | undefined): HTMLElement[] {
    const run = (credential: Credential): Promise<void> =>
      this.#approve(challenge, { ...credential, ...this.#readNumber(challenge, number) });
    if (WITHOUT_CREDENTIAL.has(challenge.type.method)) {
      return [button(t("approve"), "main wide", () => attempt(area, this.#problem, () => run({})))];
    }
    const check = (): void => void this.#readNumber(challenge, number);
    return this.#credentialParts(area, challenge, { pinLabel: t("approve_pin"), submit: t("approve"), check, run });
  }

  #credentialParts(area: HTMLElement, { profileId, type }: Challenge, use: Use): HTMLElement[] {
    if (this.#app.phone.profile(profileId)?.pin === "none") return [this.#pinMissing(profileId)];
    const unlocks = approvals(this.#app, profileId, type).map(({ label, approval }) =>
      button(label, "main wide", () => attempt(area, this.#problem, () => use.run(approval))),
    );
    const pin = h("div", {});
    const isOnlyPin = unlocks.length === 0;
    pin.append(
      button(isOnlyPin ? use.pinLabel : t("use_pin"), isOnlyPin ? "main wide" : "quiet", () => {
        this.#openPad(pin, use);
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

  #openPad(area: HTMLElement, { submit, check, run }: Use): void {
    try {
      check?.();
    } catch (error) {
      this.#problem.show(describe(error));
      return;
    }
    this.#problem.clear();
    const pad = new PinPad({ label: t("pin"), submit, onPin: (pin) => run({ pin }) });
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
    const kind = await this.#call(challenge, send);
    if (kind === undefined) return;
    await this.finish(challenge, kind);
    if (kind === "fraud_done") void this.#app.phone.refresh().catch(() => undefined);
  }

  /** Call the server. Return undefined if the request has ended: its result is shown. */
  async #call<T>(challenge: Challenge, run: () => Promise<T>): Promise<T | undefined> {
    const { transactionId, profileId } = challenge;
    try {
      return await this.#app.phone.call(run, profileId);
    } catch (error) {
      const result = this.resultOf(error);
      // Its token is no longer valid: the next attempt fetches the challenge again.
      if (error instanceof InvalidMessage) this.#app.challenges.delete(transactionId);
      if (error instanceof AuthenticatorRevoked || error instanceof FingerprintError)
        this.#problem.show(describe(error));
      if (result === undefined) throw error;
      await this.finish(challenge, result);
      return undefined;
    }
  }

  /** Show the result of a request that has ended. */
  async finish({ transactionId, profileId }: Challenge, kind: ResultKind): Promise<void> {
    // Otherwise the removal from the list would count as the end of the code.
    this.showsCode = false;
    this.#app.challenges.delete(transactionId);
    await this.#app.phone.forgetRequest(transactionId);
    this.#app.result = { kind, profileId };
    this.#app.replace({ name: "result" });
  }

  /** Return the result that an error means for a request, or undefined if it is still pending. */
  resultOf(error: unknown): ResultKind | undefined {
    if (error instanceof Disconnected) return "disconnected";
    if (isAccountGone(error)) return "lost";
    return error instanceof InvalidTransaction ? "ended" : undefined;
  }
}
