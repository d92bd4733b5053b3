/** Devices of this browser at its server: one for each application, because a device token belongs to one. */

import { Device, type TokenStore } from "@countersign/device";
import { webLock } from "@countersign/device/browser";
import type { Store } from "./store.ts";

export class Devices {
  readonly #server: string;
  readonly #store: Store;
  readonly #tokenStore: TokenStore | undefined;
  readonly #devices = new Map<string, Device>();

  constructor(server: string, store: Store, tokenStore?: TokenStore) {
    this.#server = server;
    this.#store = store;
    this.#tokenStore = tokenStore;
  }

  /** Return the device of an application. No request is sent. */
  of(applicationId: string): Device {
    const device = this.#devices.get(applicationId) ?? this.#create(applicationId);
    this.#devices.set(applicationId, device);
    return device;
  }

  #create(applicationId: string): Device {
    return new Device({
      server: this.#server,
      storage: this.#store.storageOf(applicationId),
      keyStore: this.#store.keyStore,
      ...(this.#tokenStore === undefined ? {} : { tokenStore: this.#tokenStore }),
      lock: (name, run) => webLock(`${applicationId}:${name}`, run),
    });
  }
}
