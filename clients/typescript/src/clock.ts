/** The server's time. The clock of a device can be wrong. */

import type { Storage } from "./storage.ts";

/** `Date` headers have seconds: smaller changes of the difference are not stored. */
const RESOLUTION_MS = 1000;

export class Clock {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #now: () => number;
  #difference: number | undefined;
  #stored: number | undefined;

  /** `now` returns the device's time in ms since the epoch. */
  constructor(storage: Storage, server: string, now: () => number) {
    this.#storage = storage;
    this.#key = `countersign:clock:${server}`;
    this.#now = now;
  }

  /** Return the device's time in ms. */
  deviceTime(): number {
    return this.#now();
  }

  /** Return the server's time in ms since the epoch, by the `Date` header of the last response. */
  async serverTime(): Promise<number> {
    if (this.#difference === undefined) {
      const stored = Number(await this.#storage.get(this.#key));
      this.#stored = Number.isFinite(stored) ? stored : 0;
      // A response can have arrived meanwhile.
      this.#difference ??= this.#stored;
    }
    return Math.round(this.#now() + this.#difference);
  }

  /** Store the difference to the device's clock. A missing or malformed date changes nothing. */
  async update(date: string | null): Promise<void> {
    const difference = Date.parse(date ?? "") - this.#now();
    if (Number.isNaN(difference)) return;
    this.#difference = difference;
    if (this.#stored !== undefined && Math.abs(difference - this.#stored) < RESOLUTION_MS) return;
    try {
      await this.#storage.update(this.#key, () => String(difference));
      this.#stored = difference;
    } catch {
      // The response is more important: the next one stores the difference.
    }
  }
}
