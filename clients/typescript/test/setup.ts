/** A device at a fake server, with a clock that the test sets. */

import { scryptSync } from "node:crypto";
import { CallbackTokenStore, Device, type DeviceOptions, type Profile } from "../src/index.ts";
import { MemoryKeyStore, MemoryStorage } from "../src/memory.ts";
import { FakeServer } from "./fake-server.ts";

export const SERVER = "https://auth.example.com";

/** scrypt of Node, a little faster; vectors test the other one. */
export const nodeScrypt = (password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> =>
  Promise.resolve(scryptSync(password, salt, 32, { N: 32768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }));

/** Fake of scrypt for tests that do not depend on it. */
export const quickScrypt = (password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> =>
  Promise.resolve(scryptSync(password, salt, 32, { N: 2 }));

export class Setup {
  readonly server = new FakeServer();
  readonly storage = new MemoryStorage();
  readonly keyStore = new MemoryKeyStore();
  readonly sleeps: number[] = [];
  readonly unlocked: string[] = [];
  /** Difference of the device's clock to the server's, in ms. */
  clockError = 0;
  device: Device;

  constructor(options: Partial<DeviceOptions> = {}) {
    this.device = this.restart(options);
  }

  /** Return a new instance on the same storage, as after a restart of the app. */
  restart(options: Partial<DeviceOptions> = {}): Device {
    this.device = new Device({
      server: SERVER,
      storage: this.storage,
      keyStore: this.keyStore,
      tokenStore: new CallbackTokenStore(this.storage, (name) => {
        this.unlocked.push(name);
        return Promise.resolve();
      }),
      fetch: this.server.fetch,
      now: () => this.server.time + this.clockError,
      sleep: (ms) => {
        this.sleeps.push(ms);
        this.server.time += ms;
        return Promise.resolve();
      },
      scrypt: quickScrypt,
      ...options,
    });
    return this.device;
  }

  request(code = this.server.createCode()) {
    return { code, applicationId: "demo", platform: "web", appVersion: "1.0.0", deviceName: "Browser" } as const;
  }

  enroll(user = "anna"): Promise<Profile> {
    return this.device.enroll(this.request(this.server.createCode(user)));
  }

  /** Enrol with a PIN. */
  async enrollWithPin(pin = "12345"): Promise<Profile> {
    const profile = await this.enroll();
    await this.device.registerPin(profile.profileId, pin);
    return profile;
  }

  /** Start a transaction and fetch its challenge. */
  async challenge(profile: Profile, members: Record<string, unknown> = {}) {
    const transaction = this.server.start(profile.profileId, members);
    const challenge = await this.device.fetch({ transactionId: transaction.id, profileId: profile.profileId });
    return { transaction, challenge };
  }

  stored(): string {
    return [...this.storage.values.values()].join("\n");
  }
}
