/** Device of Countersign: one installation of an app at one server, with a profile for each user. */

import * as authenticators from "./authenticators.ts";
import { Clock } from "./clock.ts";
import { fetchCode } from "./codes.ts";
import { Context } from "./context.ts";
import * as enrollment from "./enrollment.ts";
import { DeviceError } from "./errors.ts";
import { Http, type Fetch } from "./http.ts";
import type { KeyStore } from "./keys.ts";
import { isServer, normalizeServer } from "./links.ts";
import { Mutex, type Lock } from "./mutex.ts";
import { PIN_SCRYPT, type Scrypt } from "./pin.ts";
import { toProfile, type Profile } from "./profile.ts";
import { ENROLLMENTS, resume, type Resumed } from "./resume.ts";
import { scrypt } from "./scrypt.ts";
import { State, type EnrollmentRequest } from "./state.ts";
import type { Storage, TokenStore } from "./storage.ts";
import * as transactions from "./transactions.ts";

export interface DeviceOptions {
  /** URL of the server, for example `https://auth.example.com`. */
  readonly server: string;
  readonly storage: Storage;
  readonly keyStore: KeyStore;
  /** Required for fingerprint and custom authenticators. */
  readonly tokenStore?: TokenStore;
  /** Allow a server without TLS outside the loopback, for development. */
  readonly allowHttp?: boolean;
  readonly fetch?: Fetch;
  /** Lock that all processes with this storage share, for example the tabs of a browser. Default: none. */
  readonly lock?: Lock;
  /** scrypt with PIN_SCRYPT. Default: an implementation in TypeScript. */
  readonly scrypt?: Scrypt;
  /** Device's time in ms since the epoch. */
  readonly now?: () => number;
  /** Wait for some ms, between retries. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Call `callback` after some ms. Return a function that cancels it. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void;
  /** Time for a response, in ms. Default: 10,000. */
  readonly timeout?: number;
  /** Number of retries of a call, after 1, 2, 4 ... seconds. Default: 3. */
  readonly maxRetries?: number;
}

/** Transaction of a profile: a push, an element of `transactions()`, or a challenge. */
export interface TransactionReference {
  readonly transactionId: string;
  readonly profileId: string;
}

/**
 * All calls throw NetworkError, UnexpectedResponse, or a DeviceApiError. After InvalidProfile and Disconnected, the
 * data of the profile is deleted, after InvalidDeviceToken all data. NotRegistered: the device lacks the profile or
 * token.
 *
 * Every change is stored in one step before or after its request, so that an app can end at any time. Call `resume`
 * when the app starts. Create one instance for a server; other processes with the same storage require `lock`.
 */
export class Device {
  readonly #context: Context;
  readonly #lock: Lock;

  constructor(options: DeviceOptions) {
    if (!isServer(options.server, options.allowHttp)) throw new DeviceError("the URL of the server requires HTTPS");
    const server = normalizeServer(options.server);
    const { run: lock } = new Mutex();
    const sharedLock: Lock = options.lock ?? ((_name, run) => run());
    this.#lock = (name, run) => lock(name, () => sharedLock(`countersign:${server}:${name}`, run));
    const setTimer = options.setTimer ?? startTimer;
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        setTimer(resolve, ms);
      });
    const clock = new Clock(options.storage, server, options.now ?? Date.now);
    const http = new Http(server, clock, {
      fetch: options.fetch ?? ((url, init) => fetch(url, init)),
      sleep: options.sleep ?? pause,
      setTimer,
      timeout: options.timeout ?? 10_000,
      maxRetries: options.maxRetries ?? 3,
    });
    this.#context = new Context({
      clock,
      http,
      state: new State(options.storage, server),
      keyStore: options.keyStore,
      tokenStore: options.tokenStore,
      scrypt: options.scrypt ?? ((password, salt) => scrypt(password, salt, PIN_SCRYPT, () => pause(0))),
    });
  }

  /** Return the profiles of this device. No request is sent. */
  async profiles(): Promise<Profile[]> {
    return (await this.#context.state.read()).profiles.map(toProfile);
  }

  /** Return the id of this device, which portals use to address it. Undefined before the first enrolment. */
  async deviceId(): Promise<string | undefined> {
    return (await this.#context.state.read()).deviceId;
  }

  /** Return the server's time in ms since the epoch: `timestamp + 1000 * timeToLive` is the end of a transaction. */
  serverTime(): Promise<number> {
    return this.#context.clock.serverTime();
  }

  // Enrolment

  /**
   * Enrol a user: a new user, an additional one, or one of this device again with new keys.
   *
   * After a NetworkError, call it again with the same request, or `resume`. InvalidEnrollmentCode can then mean that
   * the first request has used the code.
   */
  enroll(request: EnrollmentRequest): Promise<Profile> {
    return this.#exclusively(async () => toProfile(await enrollment.enroll(this.#context, request)));
  }

  /**
   * Return the state of all profiles on the server. Call it when the app is opened, and after an unexpected error.
   * `removed` are the ids of profiles that the server has removed, and whose data is deleted: offer a new enrolment.
   */
  enrollments(): Promise<{ profiles: enrollment.ProfileStatus[]; removed: string[] }> {
    return this.#exclusively(() => enrollment.listEnrollments(this.#context));
  }

  /** Remove a user from this device, with all data. */
  unenroll(profileId: string): Promise<void> {
    return this.#exclusively(async () => {
      await enrollment.unenroll(this.#context, await this.#context.profile(profileId));
    });
  }

  /**
   * Store the push token of the app and send it for all profiles: when the app starts, after each enrolment, and when
   * the provider gives a new one. Profiles whose token the server has confirmed cost no request.
   *
   * For the platform `web`, it is the JSON text of the PushSubscription. All profiles are tried; then the first error
   * is thrown, for example PushTokenInUse, EnrollmentDisabled or UserAlreadyEnrolled.
   *
   * `only`: ids of the profiles that can be enrolled for push. Others keep their state: support staff can have revoked
   * the push notifications of a profile.
   */
  setPushToken(pushToken: string, { only }: { only?: readonly string[] } = {}): Promise<void> {
    const mayEnroll = only && (({ profileId }: { profileId: string }): boolean => only.includes(profileId));
    return this.#exclusively(() => enrollment.setPushToken(this.#context, pushToken, mayEnroll));
  }

  // Authenticators

  /**
   * Register a PIN, or replace it with the current one. Throws InvalidPin or Disconnected if that is wrong.
   *
   * RegistrationLost: no response arrived. `enrollments` clears the state if a first PIN was not registered; otherwise
   * enrol the user again.
   */
  registerPin(profileId: string, pin: string, options: { currentPin?: string } = {}): Promise<void> {
    return this.#exclusively(async () => {
      const profile = await this.#context.profile(profileId);
      await authenticators.registerPin(this.#context, profile, pin, options.currentPin);
    });
  }

  /** Register the fingerprint, or replace its token. Requires the PIN. After a NetworkError, call it again. */
  registerFingerprint(profileId: string, { pin }: { pin: string }): Promise<void> {
    return this.#registerToken(profileId, "fingerprint", pin);
  }

  /** Register a custom authenticator of the application. Requires the PIN. After a NetworkError, call it again. */
  registerCustom(profileId: string, authenticatorId: string, { pin }: { pin: string }): Promise<void> {
    return this.#registerToken(profileId, `custom:${authenticatorId}`, pin);
  }

  #registerToken(profileId: string, name: string, pin: string): Promise<void> {
    return this.#exclusively(async () => {
      await authenticators.registerToken(this.#context, await this.#context.profile(profileId), name, pin);
    });
  }

  // Transactions

  /** List the pending transactions of all profiles, oldest first. Call it whenever the app is opened. */
  transactions(): Promise<transactions.PendingTransaction[]> {
    return transactions.listTransactions(this.#context);
  }

  /** Fetch the challenge of a transaction. Throws InvalidServerMessage if the server has not signed it. */
  async fetch({ transactionId, profileId }: TransactionReference): Promise<transactions.Challenge> {
    return transactions.fetchChallenge(this.#context, await this.#context.profile(profileId), transactionId);
  }

  /** Bind a scanned one-time password to a profile. Pass the scanned text unchanged. */
  async claimOtp(profileId: string, scanned: string): Promise<transactions.Challenge> {
    return transactions.claimOtp(this.#context, await this.#context.profile(profileId), scanned);
  }

  /**
   * Approve a transaction with the credential that its method requires. An approval signs `signingData` if present.
   *
   * The sealed answer is stored before it is sent. After a NetworkError, the transaction may have been approved: call
   * it again, or `resume`. InvalidPin and AuthenticatorRevoked: the transaction stays pending.
   */
  approve(
    challenge: transactions.Challenge,
    approval: transactions.Approval = {},
  ): Promise<transactions.AnswerStatus> {
    return this.#lock(challenge.transactionId, async () => {
      const profile = await this.#context.profile(challenge.profileId);
      return transactions.approve(this.#context, profile, challenge, approval);
    });
  }

  /**
   * Return the code of a challenge with `type.codeToPhone`, which the user enters at the portal, with the credential
   * that its method requires. Show it until the transaction is no longer listed.
   *
   * After a NetworkError, call it again: a credential is counted once. InvalidPin and AuthenticatorRevoked: the
   * transaction stays pending.
   */
  fetchCode(challenge: transactions.Challenge, credential: transactions.Credential = {}): Promise<string> {
    return this.#lock(challenge.transactionId, async () => {
      const profile = await this.#context.profile(challenge.profileId);
      return fetchCode(this.#context, profile, challenge, credential);
    });
  }

  /** Deny a transaction. With `fraud`, the user reports a fraudulent request, which can lock the user. */
  deny(
    challenge: transactions.Challenge,
    { fraud = false }: { fraud?: boolean } = {},
  ): Promise<transactions.AnswerStatus> {
    return this.#lock(challenge.transactionId, async () => {
      const profile = await this.#context.profile(challenge.profileId);
      return transactions.deny(this.#context, profile, challenge, fraud);
    });
  }

  // Interruptions

  /** Finish the calls that ended without a response, before or after a restart of the app, while it is online. */
  resume(): Promise<Resumed[]> {
    return resume(this.#context, this.#lock);
  }

  /** Run calls that change enrolments one after the other. */
  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    return this.#lock(ENROLLMENTS, run);
  }
}

function startTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => {
    clearTimeout(timer);
  };
}
