/** Countdown of a request, by the server's clock. */

import type { Challenge } from "@countersign/device";
import { h } from "../dom.ts";
import { countdown, duration, t } from "../i18n.ts";
import type { App } from "../router.ts";

/** Seconds before the end at which screen readers are told. */
const WARNINGS = new Set([60, 30, 10]);
/** Precision of the server's clock in a response, and of the countdown. */
const PRECISION_SECONDS = 2;

export class TimeLeft {
  readonly element: HTMLElement;
  readonly #app: App;
  readonly #value = h("b", { role: "timer" });
  readonly #bar = h("progress", { "aria-hidden": "true" });
  #timer: ReturnType<typeof setInterval> | undefined;
  #isStopped = false;
  #seconds = Infinity;

  constructor(app: App) {
    this.#app = app;
    const text = h("p", { class: "row" }, h("span", { class: "grow" }, t("time_left")), this.#value);
    this.element = h("div", { class: "time" }, text, this.#bar);
  }

  async start(challenge: Challenge): Promise<void> {
    const end = challenge.timestamp + 1000 * challenge.timeToLive;
    const offset = (await this.#app.phone.deviceOf(challenge.profileId).serverTime()) - Date.now();
    const draw = (): void => {
      // The clock of a response has whole seconds.
      const left = Math.ceil((end - Date.now() - offset) / 1000);
      const seconds = Math.min(Math.max(0, left), challenge.timeToLive);
      this.#seconds = seconds;
      this.#value.textContent = countdown(seconds);
      this.#bar.value = Math.min(1, seconds / challenge.timeToLive);
      this.element.classList.toggle("late", seconds <= 30);
      if (WARNINGS.has(seconds)) this.#app.announce(t("time_warning", { time: duration(seconds) }));
      if (seconds === 0) this.#expire(challenge);
    };
    if (this.#isStopped) return;
    this.#timer = setInterval(draw, 1000);
    draw();
  }

  /** Return true if the server can have ended the request already. */
  get isEnding(): boolean {
    return this.#seconds <= PRECISION_SECONDS;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  #expire({ transactionId, profileId }: Challenge): void {
    this.stop();
    this.#app.result = { kind: "expired", profileId };
    this.#app.replace({ name: "result" });
    void this.#app.phone.forgetRequest(transactionId);
  }
}
