/** Use of the library at a real server. The scenarios run in Node and in a browser, without assertions of Node. */

import {
  AuthenticatorRevoked,
  CallbackTokenStore,
  Device,
  Disconnected,
  InvalidOtp,
  InvalidPin,
  InvalidTransaction,
  NetworkError,
  parseEnrollmentLink,
  parseOtp,
  PIN_SCRYPT,
  type DeviceOptions,
  type KeyStore,
  type Profile,
  type Storage,
} from "../../src/index.ts";
import { randomText, toBase64Url } from "../../src/encoding.ts";
import { scrypt } from "../../src/scrypt.ts";

export interface Configuration {
  readonly server: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Create an empty storage and key store. */
export type Platform = () => Promise<{ storage: Storage; keyStore: KeyStore }>;
export type Scenario = (configuration: Configuration, platform: Platform) => Promise<void>;

const APPLICATION = "shop";
const HOUR = 3_600_000;

function equal(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`found ${left}, expected ${right}`);
}

async function rejects<T extends Error>(promise: Promise<unknown>, type: new (...values: any[]) => T): Promise<T> {
  const error: unknown = await promise.then(
    () => new Error(`no ${type.name}`),
    (reason: unknown) => reason,
  );
  if (error instanceof type) return error;
  throw error;
}

class Portal {
  readonly #configuration: Configuration;
  /** Users are new in each scenario. */
  readonly #suffix = crypto.randomUUID();

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
  }

  async call(path: string, fields?: Record<string, string>): Promise<any> {
    const { server, clientId, clientSecret } = this.#configuration;
    const response = await fetch(`${server}/oauth/api/v4/${path}`, {
      method: fields === undefined ? "GET" : "POST",
      headers: { Authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
      ...(fields === undefined ? {} : { body: new URLSearchParams(fields) }),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(JSON.stringify(body));
    return body;
  }

  async code(user: string): Promise<string> {
    const path = `users/${user}-${this.#suffix}/enrollment-codes`;
    const { enrollment_uri } = await this.call(path, { application_id: APPLICATION });
    const link = parseEnrollmentLink(enrollment_uri)!;
    equal([link.server, link.applicationId], [this.#configuration.server, APPLICATION]);
    return link.code;
  }

  async start(type: string, user: string, device: Device, fields: Record<string, string> = {}): Promise<any> {
    const members = { user_id: `${user}-${this.#suffix}`, device_id: (await device.deviceId())! };
    const callback = { callback_uri: "http://127.0.0.1:9/callback" };
    return this.call("authenticate/user", { type, ...callback, ...(type === "scan" ? {} : members), ...fields });
  }

  async result(transactionId: string): Promise<any> {
    return this.call(`authenticate/transaction/${transactionId}`);
  }

  /** Verify the code that the device of `anna` showed, and return the id of the authenticated transaction. */
  async verify(transactionId: string, code: string): Promise<string> {
    const fields = { transaction_id: transactionId, code };
    return (await this.call(`authenticate/user/anna-${this.#suffix}/code`, fields)).transaction_id;
  }
}

/** A device and its portal. `options` apply to the next device, too. */
class Site {
  readonly portal: Portal;
  options: DeviceOptions;
  readonly requests: { url: string; body: unknown }[] = [];
  /** Number of responses to lose. */
  lost = 0;
  clockError = 0;
  device: Device;

  constructor(configuration: Configuration, stores: { storage: Storage; keyStore: KeyStore }) {
    this.portal = new Portal(configuration);
    this.options = {
      ...stores,
      server: configuration.server,
      tokenStore: new CallbackTokenStore(stores.storage, () => Promise.resolve()),
      scrypt: quickScrypt,
      now: () => Date.now() + this.clockError,
      sleep: () => Promise.resolve(),
      fetch: async (url, init) => {
        this.requests.push({ url, body: init.body });
        const response = await fetch(url, init);
        if (this.lost === 0) return response;
        this.lost -= 1;
        await response.text();
        throw new TypeError("the response was lost");
      },
    };
    this.device = new Device(this.options);
  }

  static async create(configuration: Configuration, platform: Platform): Promise<Site> {
    return new Site(configuration, await platform());
  }

  restart(): Device {
    this.device = new Device(this.options);
    return this.device;
  }

  async enroll(user = "anna", platform: "android" | "web" = "android"): Promise<Profile> {
    const code = await this.portal.code(user);
    const app = { applicationId: APPLICATION, platform, appVersion: "1.0.0" } as const;
    const profile = await this.device.enroll({ code, ...app, deviceName: "Test" });
    if (platform === "web") return profile;
    await this.device.setPushToken(`push-token-${(await this.device.deviceId())!}`);
    return profile;
  }

  async challenge(type: string, fields: Record<string, string> = {}) {
    const started = await this.portal.start(type, "anna", this.device, fields);
    const pending = await this.device.transactions();
    const transaction = pending.find(({ transactionId }) => transactionId === started.transaction_id)!;
    return { started, challenge: await this.device.fetch(transaction) };
  }
}

export const scenarios: Record<string, Scenario> = {
  "users enrol, and are enrolled for push": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const [anna, bert] = [await site.enroll("anna"), await site.enroll("bert")];
    await site.device.setPushToken(`replaced-${crypto.randomUUID()}`);
    const { profiles } = await site.restart().enrollments();
    equal(profiles.map(({ profileId, pushEnrolled, locked }) => [profileId, pushEnrolled, locked]), [
      [anna.profileId, true, false],
      [bert.profileId, true, false],
    ]);
    equal(profiles[0]!.authenticators, [
      { type: "pin", allowed: true, registered: false },
      { type: "fingerprint", allowed: true, registered: false },
      { type: "custom", id: "face", allowed: true, registered: false },
    ]);
    const again = await site.enroll("anna");
    equal(again.profileId, anna.profileId);
    await site.device.unenroll(bert.profileId);
    equal((await site.device.enrollments()).profiles.map(({ profileId }) => profileId), [anna.profileId]);
  },

  "transactions are approved, denied and reported": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    await site.enroll();
    const approval = await site.challenge("login", { message: "Sign in?", secure_message: "Anna signs in." });
    equal(approval.challenge.message, "Anna signs in.");
    equal(await site.device.approve(approval.challenge), "authenticated");
    equal((await site.portal.result(approval.started.transaction_id)).is_authenticated, true);
    const denial = await site.challenge("login");
    equal(await site.device.deny(denial.challenge), "not_authenticated");
    await rejects(site.device.approve(denial.challenge), InvalidTransaction);
    const report = await site.challenge("login");
    await site.device.deny(report.challenge, { fraud: true });
    equal((await site.portal.result(report.started.transaction_id)).fraud_reported, true);
  },

  "an approval has a number and a signature": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const profile = await site.enroll();
    await site.device.registerPin(profile.profileId, "12345");
    const { started, challenge } = await site.challenge("pay", { signing_data: "Pay € 38.50 to Larkspur" });
    equal([challenge.signingData, challenge.numberMatchingDigits], ["Pay € 38.50 to Larkspur", 2]);
    const approval = { pin: "12345", number: started.verification_number as string };
    equal(await site.device.approve(challenge, approval), "authenticated");
    const result = await site.portal.result(started.transaction_id);
    equal(result.is_authenticated, true);
    const wrong = await site.challenge("pay", { signing_data: "Pay" });
    const number = wrong.started.verification_number === "00" ? "01" : "00";
    equal(await site.device.approve(wrong.challenge, { pin: "12345", number }), "not_authenticated");
  },

  "a browser enrols for Web Push": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const profile = await site.enroll("anna", "web");
    equal(profile.pushEnrolled, false);
    await site.device.setPushToken(JSON.stringify(await subscription()));
    equal((await site.device.enrollments()).profiles[0]!.pushEnrolled, true);
    const { started, challenge } = await site.challenge("login");
    equal(await site.device.approve(challenge), "authenticated");
    equal((await site.portal.result(started.transaction_id)).is_authenticated, true);
  },

  "a one-time password is scanned": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const profile = await site.enroll();
    const started = await site.portal.start("scan", "anna", site.device);
    const scanned = started.otp as string;
    equal(parseOtp(scanned)!.transactionId, started.transaction_id);
    const challenge = await site.device.claimOtp(profile.profileId, scanned);
    equal(await site.device.approve(challenge), "authenticated");
    await rejects(site.device.claimOtp(profile.profileId, scanned), InvalidOtp);
  },

  "wrong PINs are counted, and disconnect": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    // With the real scrypt.
    site.options = { ...site.options, scrypt: (password, salt) => scrypt(password, salt, PIN_SCRYPT) };
    const { profileId } = await site.enroll();
    await site.restart().registerPin(profileId, "12345");
    await site.device.registerPin(profileId, "67890", { currentPin: "12345" });
    const { challenge } = await site.challenge("login-pin");
    const error = await rejects(site.device.approve(challenge, { pin: "12345" }), InvalidPin);
    equal([error.usedAttempts, error.maxAttempts, error.attemptsLeft], [1, 3, 2]);
    equal(await site.device.approve(challenge, { pin: "67890" }), "authenticated");
    const next = (await site.challenge("login-pin")).challenge;
    await rejects(site.device.approve(next, { pin: "1" }), InvalidPin);
    await rejects(site.device.approve(next, { pin: "2" }), InvalidPin);
    const last = await rejects(site.device.approve(next, { pin: "3" }), Disconnected);
    equal([last.status, last.errorCode], [410, "9003"]);
    equal(await site.device.profiles(), []);
  },

  "fingerprint and custom authenticators approve": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const { profileId } = await site.enroll();
    await site.device.registerPin(profileId, "12345");
    await site.device.registerFingerprint(profileId, { pin: "12345" });
    await site.device.registerCustom(profileId, "face", { pin: "12345" });
    const first = await site.challenge("login-fingerprint");
    equal(await site.device.approve(first.challenge, { fingerprint: true }), "authenticated");
    const second = await site.challenge("login-custom");
    equal(await site.device.approve(second.challenge, { custom: "face" }), "authenticated");
    // A token that the server does not know.
    const tokenStore = { ...noTokens, unlock: () => Promise.resolve("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") };
    const third = await site.challenge("login-fingerprint");
    const device = new Device({ ...site.options, tokenStore });
    await rejects(device.approve(third.challenge, { fingerprint: true }), AuthenticatorRevoked);
    equal((await device.profiles())[0]!.authenticators, [{ type: "custom", id: "face" }]);
    equal(await device.approve(third.challenge, { pin: "12345" }), "authenticated");
  },

  "a code is unlocked on the device and entered at the portal": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const { profileId } = await site.enroll();
    await site.device.registerPin(profileId, "12345");
    const { started, challenge } = await site.challenge("terminal");
    equal([started.code_to_phone, challenge.type.codeToPhone, challenge.code], [true, true, undefined]);
    await rejects(site.device.fetchCode(challenge, { pin: "1" }), InvalidPin);
    // The responses to the correct PIN are lost.
    site.lost = 10;
    await rejects(site.device.fetchCode(challenge, { pin: "12345" }), NetworkError);
    site.lost = 0;
    const code = await site.restart().fetchCode(challenge, { pin: "12345" });
    equal((await site.portal.result(started.transaction_id)).used_authentication_attempts, 2);
    equal(await site.portal.verify(started.transaction_id, code), started.transaction_id);
    equal((await site.portal.result(started.transaction_id)).is_authenticated, true);
    const push = await site.challenge("terminal-push");
    equal(await site.device.fetchCode(push.challenge), push.challenge.code);
    equal(await site.portal.verify(push.started.transaction_id, push.challenge.code!), push.started.transaction_id);
    const denied = await site.challenge("terminal");
    equal(await site.device.deny(denied.challenge), "not_authenticated");
    await rejects(site.device.fetchCode(denied.challenge, { pin: "12345" }), InvalidTransaction);
  },

  "an answer without a response is counted once": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const { profileId } = await site.enroll();
    await site.device.registerPin(profileId, "12345");
    const { challenge } = await site.challenge("login-pin");
    site.lost = 10;
    await rejects(site.device.approve(challenge, { pin: "1" }), NetworkError);
    site.lost = 0;
    const [resumed] = await site.restart().resume();
    equal([resumed!.kind, resumed!.error instanceof InvalidPin], ["answer", true]);
    equal((resumed!.error as InvalidPin).usedAttempts, 1);
    equal((await site.device.enrollments()).profiles[0]!.usedPinAttempts, 1);
    const sent = site.requests.filter(({ url }) => url.endsWith("/answer")).map(({ body }) => body);
    equal([sent.length, new Set(sent).size], [5, 1]);
    site.lost = 10;
    await rejects(site.device.approve(challenge, { pin: "12345" }), NetworkError);
    site.lost = 0;
    equal(await site.restart().approve(challenge, { pin: "12345" }), "authenticated");
  },

  "a disconnection without a response is repeated": async (configuration, platform) => {
    const site = await Site.create(configuration, platform);
    const { profileId } = await site.enroll();
    await site.enroll("bert");
    await site.device.registerPin(profileId, "12345");
    const { challenge } = await site.challenge("login-pin");
    await rejects(site.device.approve(challenge, { pin: "1" }), InvalidPin);
    await rejects(site.device.approve(challenge, { pin: "2" }), InvalidPin);
    site.lost = 10;
    await rejects(site.device.approve(challenge, { pin: "3" }), NetworkError);
    site.lost = 0;
    const [resumed] = await site.restart().resume();
    equal(resumed!.error instanceof Disconnected, true);
    equal((await site.device.profiles()).length, 1);
  },

  "clocks are wrong by up to 25 hours": async (configuration, platform) => {
    for (const hours of [-25, -1, 1, 25]) {
      const site = await Site.create(configuration, platform);
      site.clockError = hours * HOUR;
      const { profileId } = await site.enroll();
      await site.device.registerPin(profileId, "12345");
      const { challenge } = await site.challenge("login-pin");
      equal(await site.device.approve(challenge, { pin: "12345" }), "authenticated");
      // The user changes the clock while the app is closed.
      site.clockError = -hours * HOUR;
      await site.restart().registerFingerprint(profileId, { pin: "12345" });
      const difference = (await site.device.serverTime()) - Date.now();
      equal(Math.abs(difference) < 5000, true);
    }
  },
};

/** Return the subscription of a browser at a push service, as PushSubscription.toJSON does. */
async function subscription(): Promise<unknown> {
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const p256dh = toBase64Url(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  const endpoint = `https://localhost/send/${crypto.randomUUID()}`;
  return { endpoint, expirationTime: null, keys: { p256dh, auth: randomText(16) } };
}

/** Fake of scrypt for scenarios that do not depend on it. */
async function quickScrypt(password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.from([...password, ...salt])));
}

const noTokens = {
  save: () => Promise.resolve(),
  delete: () => Promise.resolve(),
};
