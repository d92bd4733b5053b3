/** What the parts of a device share: state, requests, keys, and the deletion of data that the server has revoked. */

import type { Clock } from "./clock.ts";
import { Disconnected, InvalidDeviceToken, InvalidProfile, NotRegistered } from "./errors.ts";
import type { Call, Http, RetryOptions } from "./http.ts";
import type { JsonObject } from "./json.ts";
import type { KeyStore } from "./keys.ts";
import * as messages from "./messages.ts";
import type { Scrypt } from "./pin.ts";
import { removeProfile, type State, type StoredProfile, type StoredState } from "./state.ts";
import type { TokenStore } from "./storage.ts";

/** Requests of an enrolment or registration that are older were interrupted. In ms. */
const ABANDONED_AFTER = 15 * 60 * 1000;

export interface ContextParts {
  readonly clock: Clock;
  readonly http: Http;
  readonly state: State;
  readonly keyStore: KeyStore;
  readonly tokenStore: TokenStore | undefined;
  readonly scrypt: Scrypt;
}

export type ProfileCall = Omit<Call, "deviceToken">;

export class Context {
  readonly clock: Clock;
  readonly http: Http;
  readonly state: State;
  readonly keyStore: KeyStore;
  readonly scrypt: Scrypt;
  readonly #tokenStore: TokenStore | undefined;

  constructor(parts: ContextParts) {
    this.clock = parts.clock;
    this.http = parts.http;
    this.state = parts.state;
    this.keyStore = parts.keyStore;
    this.scrypt = parts.scrypt;
    this.#tokenStore = parts.tokenStore;
  }

  /** Return the token store. Throws NotRegistered if the app has none. */
  get tokenStore(): TokenStore {
    if (this.#tokenStore === undefined) throw new NotRegistered("this device has no token store");
    return this.#tokenStore;
  }

  /** Return a profile of this device. Throws NotRegistered if it does not exist. */
  async profile(profileId: string): Promise<StoredProfile> {
    const profile = (await this.state.read()).profiles.find((each) => each.profileId === profileId);
    if (profile === undefined) throw new NotRegistered("the profile is not on this device");
    return profile;
  }

  /**
   * Send a request once with the device token. If the server has revoked the device or the profile, its data is deleted
   * before the error is thrown.
   */
  call(call: ProfileCall, profile?: StoredProfile): Promise<JsonObject> {
    return this.#authorized((deviceToken) => this.http.call({ ...call, deviceToken }), profile);
  }

  /** Like `call`, with retries. */
  callWithRetries(call: ProfileCall, profile?: StoredProfile, options?: RetryOptions): Promise<JsonObject> {
    return this.#authorized((deviceToken) => this.http.callWithRetries({ ...call, deviceToken }, options), profile);
  }

  async #authorized(
    send: (deviceToken: string) => Promise<JsonObject>,
    profile: StoredProfile | undefined,
  ): Promise<JsonObject> {
    const { deviceToken } = await this.state.read();
    if (deviceToken === undefined) throw new NotRegistered("this device is not enrolled");
    try {
      return await send(deviceToken);
    } catch (error) {
      if (error instanceof InvalidDeviceToken) await this.forgetDevice(deviceToken);
      else if (profile !== undefined && (error instanceof InvalidProfile || error instanceof Disconnected)) {
        await this.forgetProfiles([profile]);
      }
      throw error;
    }
  }

  /** Delete the data of all profiles, unless the device has another token meanwhile. */
  async forgetDevice(deviceToken: string): Promise<void> {
    await this.state.update((state) => {
      if (state.deviceToken !== deviceToken) return;
      for (const profile of [...state.profiles]) removeProfile(state, profile);
      delete state.deviceToken;
      delete state.deviceId;
    });
    await this.deleteUnused();
  }

  /** Delete the data of these enrolments. A later enrolment of the same profile has another `keyId` and stays. */
  async forgetProfiles(profiles: readonly StoredProfile[]): Promise<void> {
    const keyIds = new Set(profiles.map(({ keyId }) => keyId));
    await this.state.update((state) => {
      for (const profile of state.profiles.filter(({ keyId }) => keyIds.has(keyId))) removeProfile(state, profile);
    });
    await this.deleteUnused();
  }

  seal(content: JsonObject, type: messages.OutgoingType, profile: StoredProfile): Promise<string> {
    return messages.seal(content, type, profile, this.keyStore);
  }

  open(message: string, type: messages.IncomingType, profile: StoredProfile): Promise<JsonObject> {
    return messages.open(message, type, profile, this.keyStore);
  }

  /** Delete keys and tokens that nothing refers to. A failure changes nothing: the next call deletes them. */
  async deleteUnused(): Promise<void> {
    try {
      await this.#deleteUnused();
    } catch {
      // The outcome of the call is more important than a key that cannot be deleted now.
    }
  }

  async #deleteUnused(): Promise<void> {
    const { unusedKeys, unusedTokens } = await this.state.read();
    if (unusedKeys.length + unusedTokens.length === 0) return;
    for (const id of unusedKeys) await this.keyStore.delete(id);
    for (const id of unusedTokens) await this.#tokenStore?.delete(id);
    await this.state.update((state) => {
      state.unusedKeys = state.unusedKeys.filter((id) => !unusedKeys.includes(id));
      state.unusedTokens = state.unusedTokens.filter((id) => !unusedTokens.includes(id));
    });
  }

  /** Mark keys and tokens of interrupted requests as unused. */
  async abandonInterrupted(): Promise<void> {
    const now = this.clock.deviceTime();
    const isOld = (startedAt: number): boolean => Math.abs(now - startedAt) > ABANDONED_AFTER;
    const { enrollments, registrations } = await this.state.read();
    if (![...enrollments, ...registrations].some(({ startedAt }) => isOld(startedAt))) return;
    await this.state.update((state) => {
      for (const { keyId, startedAt } of state.enrollments) if (isOld(startedAt)) state.unusedKeys.push(keyId);
      for (const { tokenId, startedAt } of state.registrations) if (isOld(startedAt)) state.unusedTokens.push(tokenId);
      state.enrollments = state.enrollments.filter(({ startedAt }) => !isOld(startedAt));
      state.registrations = state.registrations.filter(({ startedAt }) => !isOld(startedAt));
    });
  }
}

/** Apply a change to a stored profile, unless it was removed or enrolled again meanwhile. */
export function changeProfile(
  state: StoredState,
  { keyId }: { readonly keyId: string },
  change: (profile: StoredProfile) => void,
): void {
  const stored = state.profiles.find((each) => each.keyId === keyId);
  if (stored !== undefined) change(stored);
}
