/** Accounts and requests of this browser, and their state on the server. */

import {
  type Device,
  Disconnected,
  InvalidDeviceToken,
  InvalidProfile,
  KeysLost,
  NotEnrolled,
  type Challenge,
  type EnrollmentLink,
  type PendingTransaction,
  type Profile,
  type ProfileStatus,
  type Resumed,
  type TransactionReference,
} from "@countersign/device";
import { deviceName } from "./browser-name.ts";
import { Devices } from "./devices.ts";
import { FingerprintStore } from "./fingerprint.ts";
import { hadAccounts, markAccounts, Store, type Account, type Application, type Configuration } from "./store.ts";
import { closeNotification } from "./subscriptions.ts";

export class Phone {
  configuration: Configuration;
  readonly devices: Devices;
  readonly fingerprints: FingerprintStore;
  readonly #store: Store;
  readonly #listeners = new Set<() => void>();
  accounts: Account[] = [];
  profiles: Profile[] = [];
  statuses: readonly ProfileStatus[] = [];
  requests: readonly PendingTransaction[] = [];
  /** The browser has deleted the data of this app. */
  isDataLost = false;
  /** The last call failed because of the network. */
  isOffline = false;

  constructor(configuration: Configuration, store: Store) {
    this.configuration = configuration;
    this.#store = store;
    this.fingerprints = new FingerprintStore(store.storage);
    this.devices = new Devices(configuration.server, store, this.fingerprints);
  }

  /** Load the accounts. No request is sent. */
  async load(): Promise<void> {
    this.accounts = await this.#store.accounts();
    await this.#reconcile();
    this.isDataLost = this.accounts.length === 0 && hadAccounts();
  }

  configure(configuration: Configuration): void {
    this.configuration = configuration;
    this.#changed();
  }

  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  account(profileId: string): Account | undefined {
    return this.accounts.find((account) => account.profileId === profileId);
  }

  /** Return the device of an account. */
  deviceOf(profileId: string): Device {
    return this.devices.of(this.account(profileId)?.applicationId ?? "");
  }

  profile(profileId: string): Profile | undefined {
    return this.profiles.find((profile) => profile.profileId === profileId);
  }

  status(profileId: string): ProfileStatus | undefined {
    return this.statuses.find((status) => status.profileId === profileId);
  }

  application(id: string): Application | undefined {
    return this.configuration.applications.find((application) => application.id === id);
  }

  /** Return the name of the application of a profile. */
  applicationName(profileId: string): string {
    const id = this.account(profileId)?.applicationId ?? "";
    return this.application(id)?.name ?? id;
  }

  get activeAccounts(): Account[] {
    return this.accounts.filter(({ state }) => state === "active");
  }

  /** Run a call, and apply what its result means for the accounts. */
  async call<T>(run: () => Promise<T>, profileId?: string): Promise<T> {
    try {
      const result = await run();
      this.isOffline = false;
      return result;
    } catch (error) {
      if (profileId !== undefined && error instanceof Disconnected) await this.#setState(profileId, "disconnected");
      else if (profileId !== undefined && (error instanceof KeysLost || error instanceof InvalidProfile)) {
        await this.#setState(profileId, "lost");
      }
      throw error;
    } finally {
      await this.#reconcile();
      this.#changed();
    }
  }

  /** Ids of the applications that can have a device here. */
  get #applicationIds(): string[] {
    const ids = this.configuration.applications.map(({ id }) => id);
    return [...new Set([...ids, ...this.accounts.map(({ applicationId }) => applicationId)])];
  }

  /** Run a call for the device of each application with profiles. `failed` are the applications without a result. */
  async #callAll<T>(
    run: (device: Device) => Promise<readonly T[]>,
  ): Promise<{ values: T[]; failed: Map<string, unknown> }> {
    const values: T[] = [];
    const failed = new Map<string, unknown>();
    const call = async (id: string): Promise<void> => {
      try {
        values.push(...(await run(this.devices.of(id))));
      } catch (error) {
        failed.set(id, error);
      }
    };
    await Promise.all([...new Set(this.profiles.map(({ applicationId }) => applicationId))].map(call));
    return { values, failed };
  }

  /** Read the state of all accounts from the server. */
  async refresh(): Promise<void> {
    await this.call(async () => {
      const { values, failed } = await this.#callAll(async (device) => (await device.enrollments()).profiles);
      this.statuses = [...values, ...this.statuses.filter(({ applicationId }) => failed.has(applicationId))];
      for (const error of failed.values()) throw error;
    });
  }

  /** List the pending requests, oldest first, and return the new ones. */
  async poll(): Promise<PendingTransaction[]> {
    const known = new Set(this.requests.map(({ transactionId }) => transactionId));
    const { values, failed } = await this.#callAll((device) => device.transactions());
    const earlier = this.requests.filter(({ profileId }) => failed.has(this.account(profileId)?.applicationId ?? ""));
    this.requests = [...values, ...earlier]
      .filter(({ profileId }) => this.account(profileId)?.state === "active")
      .sort((one, other) => one.timestamp - other.timestamp);
    this.isOffline = failed.size > 0;
    const errors = [...failed.values()];
    if (errors.some((error) => error instanceof InvalidDeviceToken)) await this.#reconcile();
    this.#changed();
    if (errors.length > 0) throw errors[0];
    return this.requests.filter(({ transactionId }) => !known.has(transactionId));
  }

  /** Finish the calls of an earlier run. */
  async resume(): Promise<Resumed[]> {
    return this.call(async () => {
      const resumed = await Promise.all(this.#applicationIds.map((id) => this.devices.of(id).resume()));
      return resumed.flat();
    });
  }

  async enroll(link: EnrollmentLink): Promise<Profile> {
    const application = this.application(link.applicationId);
    if (application === undefined) throw new Error("the application is unknown");
    const request = {
      code: link.code,
      applicationId: link.applicationId,
      platform: "web",
      appVersion: application.version,
      deviceName: deviceName(),
    } as const;
    const profile = await this.call(() => this.devices.of(application.id).enroll(request));
    await this.#replaceGone(profile);
    await this.#setState(profile.profileId, "active");
    // Otherwise the browser can delete the keys when it needs the space.
    await navigator.storage.persist().catch(() => false);
    return profile;
  }

  /** Remove the account without keys that an enrolment replaces, if there is exactly one. */
  async #replaceGone({ applicationId, profileId }: Profile): Promise<void> {
    const gone = this.accounts.filter((each) => each.applicationId === applicationId && each.state !== "active");
    const replaced = gone.find((each) => each.profileId === profileId) ?? (gone.length === 1 ? gone[0] : undefined);
    if (replaced !== undefined) await this.#save(this.accounts.filter((account) => account !== replaced));
  }

  fetch(reference: TransactionReference): Promise<Challenge> {
    return this.call(() => this.deviceOf(reference.profileId).fetch(reference), reference.profileId);
  }

  /** Remove an account from this device and from the server. */
  async remove(profileId: string): Promise<void> {
    if (this.profile(profileId) !== undefined) await this.call(() => this.deviceOf(profileId).unenroll(profileId));
    await this.#save(this.accounts.filter((account) => account.profileId !== profileId));
    this.#changed();
  }

  /** Remove a request from the list, and its notification. */
  async forgetRequest(transactionId: string): Promise<void> {
    this.requests = this.requests.filter((request) => request.transactionId !== transactionId);
    this.#changed();
    await closeNotification(transactionId);
  }

  async #setState(profileId: string, state: Account["state"]): Promise<void> {
    const profile =
      this.profile(profileId) ?? (await this.#readProfiles()).find((each) => each.profileId === profileId);
    const applicationId = profile?.applicationId ?? this.account(profileId)?.applicationId ?? "";
    const others = this.accounts.filter((account) => account.profileId !== profileId);
    await this.#save([...others, { profileId, applicationId, state }]);
  }

  async #readProfiles(): Promise<Profile[]> {
    return (await Promise.all(this.#applicationIds.map((id) => this.devices.of(id).profiles()))).flat();
  }

  /** Compare the accounts with the profiles of the library, which deletes those that the server has removed. */
  async #reconcile(): Promise<void> {
    this.profiles = await this.#readProfiles();
    const missing = this.profiles.filter(({ profileId }) => this.account(profileId) === undefined);
    const accounts = [
      ...this.accounts.map((account) =>
        account.state === "active" && this.profile(account.profileId) === undefined
          ? { ...account, state: "lost" as const }
          : account,
      ),
      ...missing.map(({ profileId, applicationId }) => ({ profileId, applicationId, state: "active" as const })),
    ];
    if (JSON.stringify(accounts) !== JSON.stringify(this.accounts)) await this.#save(accounts);
  }

  async #save(accounts: Account[]): Promise<void> {
    this.accounts = accounts;
    this.profiles = await this.#readProfiles();
    await this.#store.saveAccounts(accounts);
    markAccounts(accounts.length > 0);
    if (accounts.length > 0) this.isDataLost = false;
  }
}

/** Return true if the account of this call has no keys afterwards. */
export const isAccountGone = (error: unknown): boolean => error instanceof NotEnrolled || error instanceof KeysLost;
