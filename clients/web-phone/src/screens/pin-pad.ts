/** Entry of a PIN, by keyboard or by the buttons. */

import { button, h } from "../dom.ts";
import { t } from "../i18n.ts";
import { attempt, field, form, Problem } from "./parts.ts";

export const MIN_PIN_LENGTH = 5;
const MAX_PIN_LENGTH = 12;

export interface PinPadOptions {
  readonly label: string;
  readonly hint?: string;
  /** Reason for which the PIN is asked again. */
  readonly problem?: string;
  readonly submit: string;
  /** The PIN is removed from the screen before. An error is shown. */
  readonly onPin: (pin: string) => Promise<void>;
}

/** PIN pad. Browsers neither store nor complete the PIN. */
export class PinPad {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #problem = new Problem();
  readonly #onPin: (pin: string) => Promise<void>;

  constructor({ label, hint, problem = "", submit, onPin }: PinPadOptions) {
    this.#onPin = onPin;
    this.#problem.show(problem);
    const isTouch = matchMedia("(pointer: coarse)").matches;
    const attributes = {
      type: "password",
      // The buttons replace the keyboard of a touch screen.
      inputmode: isTouch ? "none" : "numeric",
      pattern: "[0-9]*",
      maxlength: MAX_PIN_LENGTH,
      class: "pin",
      "data-1p-ignore": true,
    };
    const { element, input } = field(label, attributes, hint);
    this.#input = input;
    input.addEventListener("input", () => {
      input.value = input.value.replace(/\D/g, "");
    });
    const keys = h("div", { class: "pad", dir: "ltr" }, ...this.#keys());
    this.element = form(submit, () => this.#submit(), element, this.#problem.element, keys);
  }

  focus(): void {
    this.#input.focus();
  }

  #keys(): HTMLElement[] {
    const digit = (value: string): HTMLElement =>
      button(value, "key", () => {
        if (this.#input.value.length < MAX_PIN_LENGTH) this.#input.value += value;
      });
    return [
      ..."123456789".split("").map(digit),
      button(t("clear"), "key text", () => {
        this.#input.value = "";
      }),
      digit("0"),
      button(
        "⌫",
        "key",
        () => {
          this.#input.value = this.#input.value.slice(0, -1);
        },
        { "aria-label": t("delete_digit") },
      ),
    ];
  }

  async #submit(): Promise<void> {
    const pin = this.#input.value;
    if (pin.length < MIN_PIN_LENGTH) {
      this.#problem.show(t("pin_short", { count: MIN_PIN_LENGTH }));
      this.focus();
      return;
    }
    const isDone = await attempt(this.element, this.#problem, async () => {
      this.#input.value = "";
      await this.#onPin(pin);
    });
    if (!isDone) this.focus();
  }
}

/** Return true for PINs that others would try first: equal digits, and digits in a row. */
export function isSimple(pin: string): boolean {
  const steps = new Set(Array.from(pin.slice(1), (digit, index) => (Number(digit) - Number(pin[index]) + 10) % 10));
  return steps.size === 1 && [0, 1, 9].some((step) => steps.has(step));
}
