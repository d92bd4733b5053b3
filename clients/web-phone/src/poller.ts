/** Polling for requests while the page is visible, for browsers without push. */

import type { PendingTransaction } from "@countersign/device";
import type { Phone } from "./phone.ts";

const FIRST_INTERVAL = 3000;
const MAX_INTERVAL = 15_000;
const MAX_INTERVAL_OFFLINE = 60_000;

export class Poller {
  readonly #phone: Phone;
  readonly #onNew: (requests: PendingTransaction[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #interval = FIRST_INTERVAL;

  constructor(phone: Phone, onNew: (requests: PendingTransaction[]) => void) {
    this.#phone = phone;
    this.#onNew = onNew;
  }

  /** Poll now, and then while the page is visible. */
  start(): void {
    document.addEventListener("visibilitychange", () => {
      this.wake();
    });
    globalThis.addEventListener("online", () => {
      this.wake();
    });
    void this.poll();
  }

  /** Poll now and more often, because the user does something. */
  wake(): void {
    this.#interval = FIRST_INTERVAL;
    void this.poll();
  }

  async poll(): Promise<void> {
    clearTimeout(this.#timer);
    if (document.hidden) return;
    try {
      const found = await this.#phone.poll();
      this.#interval = found.length > 0 ? FIRST_INTERVAL : Math.min(this.#interval * 1.2, MAX_INTERVAL);
      if (found.length > 0) this.#onNew(found);
    } catch {
      this.#interval = Math.min(this.#interval * 2, MAX_INTERVAL_OFFLINE);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.poll(), this.#interval);
  }
}
