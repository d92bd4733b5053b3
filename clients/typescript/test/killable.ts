/** A process that ends at a chosen point: before or after an effect on storage, keys, tokens or server. */

import { CallbackTokenStore, type Device, type DeviceOptions, type KeyStore } from "../src/index.ts";
import type { Storage, TokenStore } from "../src/storage.ts";
import { quickScrypt, type Setup } from "./setup.ts";

export class KillableProcess {
  /** Points that were reached, for example `after fetch`. */
  readonly points: string[] = [];
  readonly #killAt: number;
  readonly #killed: Promise<"killed">;
  #kill: () => void = () => undefined;

  constructor(killAt: number) {
    this.#killAt = killAt;
    this.#killed = new Promise((resolve) => {
      this.#kill = () => {
        resolve("killed");
      };
    });
  }

  /** Run an app on the storage of the setup. Return true if it was killed; nothing of it runs afterwards. */
  async run(setup: Setup, app: (device: Device) => Promise<unknown>): Promise<boolean> {
    const device = setup.restart(this.options(setup));
    return (await Promise.race([app(device), this.#killed])) === "killed";
  }

  options(setup: Setup): Partial<DeviceOptions> {
    const storage: Storage = {
      get: (key) => this.#effect("get", () => setup.storage.get(key)),
      update: (key, change) => this.#effect("update", () => setup.storage.update(key, change)),
    };
    const keyStore: KeyStore = {
      generate: (id) => this.#effect("generate", () => setup.keyStore.generate(id)),
      sign: (id, data) => this.#effect("sign", () => setup.keyStore.sign(id, data)),
      deriveSharedSecret: (id, key) => this.#effect("derive", () => setup.keyStore.deriveSharedSecret(id, key)),
      delete: (id) => this.#effect("delete", () => setup.keyStore.delete(id)),
    };
    const tokens = new CallbackTokenStore(setup.storage, () => Promise.resolve());
    const tokenStore: TokenStore = {
      save: (id, token) => this.#effect("save token", () => tokens.save(id, token)),
      unlock: (id) => this.#effect("unlock token", () => tokens.unlock(id)),
      delete: (id) => this.#effect("delete token", () => tokens.delete(id)),
    };
    return {
      storage,
      keyStore,
      tokenStore,
      fetch: (url, init) => this.#effect("fetch", () => setup.server.fetch(url, init)),
      // A timer of an ended process would keep Node running.
      setTimer: () => () => undefined,
      scrypt: (password, salt) => this.#effect("scrypt", () => quickScrypt(password, salt)),
    };
  }

  async #effect<T>(name: string, run: () => Promise<T>): Promise<T> {
    await this.#point(`before ${name}`);
    const result = await run();
    await this.#point(`after ${name}`);
    return result;
  }

  /** Return, or end the process here: the promise is never fulfilled. */
  #point(name: string): Promise<void> {
    this.points.push(name);
    if (this.points.length < this.#killAt) return Promise.resolve();
    this.#kill();
    return new Promise(() => undefined);
  }
}
