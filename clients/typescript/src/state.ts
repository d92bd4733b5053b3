/** Stored state of the device: one text, so that each change is atomic. */

import type { PublicKeys } from "./keys.ts";
import { Mutex } from "./mutex.ts";
import type { LockedToken } from "./pin.ts";
import type { Storage } from "./storage.ts";

const FORMAT = 1;

/** Names of authenticators: `fingerprint`, or `custom:` and the id of a custom one. */
export type AuthenticatorName = string;

/** Profile as it is stored. `keyId` changes with each enrolment. */
export interface StoredProfile {
  profileId: string;
  applicationId: string;
  keyId: string;
  signingKid: string;
  encryptionKid: string;
  server: PublicKeys;
  pin?: LockedToken;
  /** A PIN was sent to be registered, and no response has arrived. */
  pinUnconfirmed?: true;
  /** Ids in the token store, by name. */
  tokens: Record<AuthenticatorName, string>;
  /** Push token that the server has confirmed. */
  pushToken?: string;
  /** The server has removed the push token, or another device gets the requests: `resume` does not send it again. */
  isPushOff?: true;
}

/** Request of an enrolment, stored before it is sent. `startedAt` is the device's time in ms. */
export interface StoredEnrollment {
  keyId: string;
  request: EnrollmentRequest;
  startedAt: number;
}

/** Members of an enrolment. */
export interface EnrollmentRequest {
  readonly code: string;
  readonly applicationId: string;
  readonly platform: "android" | "ios" | "web";
  /** Version of the app, for example `1.0.0`. */
  readonly appVersion: string;
  /** Name that the user recognizes, for example `Anna's phone`. */
  readonly deviceName: string;
  readonly deviceModel?: string;
  readonly osVersion?: string;
}

/** Sealed answer, stored until its response arrives. The newest answer of a transaction is the last. */
export interface StoredAnswer {
  transactionId: string;
  profileId: string;
  keyId: string;
  approve: boolean;
  message: string;
  /** Name and id of the token that an approval used; the name `pin` has no id. */
  authenticator?: AuthenticatorName;
  tokenId?: string;
}

/** Sealed request of a code, stored until its response arrives or its transaction expires (server's time in ms). */
export interface StoredCodeRequest {
  transactionId: string;
  keyId: string;
  message: string;
  until: number;
  authenticator?: AuthenticatorName;
  tokenId?: string;
}

/** Token that is registered, before its response is processed. */
export interface StoredRegistration {
  tokenId: string;
  startedAt: number;
}

export interface StoredState {
  format: typeof FORMAT;
  deviceId?: string;
  deviceToken?: string;
  /** Push token of the app, which all profiles use. */
  pushToken?: string;
  profiles: StoredProfile[];
  enrollments: StoredEnrollment[];
  registrations: StoredRegistration[];
  answers: StoredAnswer[];
  codeRequests: StoredCodeRequest[];
  /** Ids of keys and tokens that nothing refers to, until they are deleted. */
  unusedKeys: string[];
  unusedTokens: string[];
}

/** State of one server's device in a storage. Changes run one after the other. */
export class State {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #lock = new Mutex().run;

  constructor(storage: Storage, server: string) {
    this.#storage = storage;
    this.#key = `countersign:device:${server}`;
  }

  async read(): Promise<StoredState> {
    return parse(await this.#storage.get(this.#key));
  }

  /** Change the stored state. An exception of `change` changes nothing. */
  update<T>(change: (state: StoredState) => T): Promise<T> {
    return this.#lock(this.#key, async () => {
      const results: T[] = [];
      await this.#storage.update(this.#key, (value) => {
        const state = parse(value);
        results[0] = change(state);
        return JSON.stringify(state);
      });
      return results[0] as T;
    });
  }
}

/** Parse the stored text. Throws Error for a text of a later version: it must not be overwritten. */
function parse(value: string | undefined): StoredState {
  // A storage of another language can return null.
  if ((value ?? "") === "") {
    return {
      format: FORMAT,
      profiles: [],
      enrollments: [],
      registrations: [],
      answers: [],
      codeRequests: [],
      unusedKeys: [],
      unusedTokens: [],
    };
  }
  const stored = JSON.parse(value ?? "") as Omit<StoredState, "codeRequests"> & Partial<StoredState>;
  // An earlier version of the library had no requests of codes.
  const state: StoredState = { ...stored, codeRequests: stored.codeRequests ?? [] };
  // A later version of the library can have written it.
  if ((state.format as number) !== FORMAT) throw new Error("the stored state has an unknown format");
  return state;
}

/** Remove a profile, its answers, its requests of codes and its request marks. Its keys and tokens become unused. */
export function removeProfile(state: StoredState, profile: StoredProfile): void {
  state.profiles = state.profiles.filter(({ keyId }) => keyId !== profile.keyId);
  state.answers = state.answers.filter(({ keyId }) => keyId !== profile.keyId);
  state.codeRequests = state.codeRequests.filter(({ keyId }) => keyId !== profile.keyId);
  state.unusedKeys.push(profile.keyId);
  state.unusedTokens.push(...Object.values(profile.tokens));
}

/** Remove the token of an authenticator from a profile. */
export function removeToken(state: StoredState, profile: StoredProfile, name: AuthenticatorName): void {
  const tokenId = profile.tokens[name];
  if (tokenId === undefined) return;
  profile.tokens = Object.fromEntries(Object.entries(profile.tokens).filter(([other]) => other !== name));
  state.unusedTokens.push(tokenId);
}
