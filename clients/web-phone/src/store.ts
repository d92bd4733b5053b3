/** Data of the app in IndexedDB: the library's state and keys, the accounts, the last configuration of the server. */

import { IndexedDbKeyStore, IndexedDbStorage, openDatabase } from "@countersign/device/browser";

const ACCOUNTS = "phone:accounts";
const CONFIGURATION = "phone:configuration";
// Not in IndexedDB: if the browser has deleted the database, it shows that there were accounts.
const MARK = "had-accounts";

/** Application of the server that allows this app. */
export interface Application {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Public key of the push messages, in base64url. */
  readonly pushKey: string | undefined;
}

/** Public configuration of the server. */
export interface Configuration {
  readonly name: string;
  readonly server: string;
  readonly applications: readonly Application[];
}

/** Account on this device. `disconnected` and `lost` have no keys: they can be added again. */
export interface Account {
  readonly profileId: string;
  readonly applicationId: string;
  readonly state: "active" | "disconnected" | "lost";
}

export class Store {
  readonly storage: IndexedDbStorage;
  readonly keyStore: IndexedDbKeyStore;
  readonly #database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.#database = database;
    this.storage = new IndexedDbStorage(database);
    this.keyStore = new IndexedDbKeyStore(database);
  }

  static async open(): Promise<Store> {
    return new Store(await openDatabase());
  }

  /** Return the storage of the device of an application. */
  storageOf(applicationId: string): IndexedDbStorage {
    return new IndexedDbStorage(this.#database, `application:${applicationId}:`);
  }

  async accounts(): Promise<Account[]> {
    return JSON.parse((await this.storage.get(ACCOUNTS)) ?? "[]") as Account[];
  }

  async saveAccounts(accounts: readonly Account[]): Promise<void> {
    await this.storage.update(ACCOUNTS, () => JSON.stringify(accounts));
  }

  async configuration(): Promise<Configuration | undefined> {
    const value = await this.storage.get(CONFIGURATION);
    return value === undefined ? undefined : (JSON.parse(value) as Configuration);
  }

  async saveConfiguration(configuration: Configuration): Promise<void> {
    await this.storage.update(CONFIGURATION, () => JSON.stringify(configuration));
  }
}

/** Remember that this browser has had accounts. The mark contains nothing else. */
export function markAccounts(exist: boolean): void {
  try {
    if (exist) localStorage.setItem(MARK, "1");
    else localStorage.removeItem(MARK);
  } catch {
    // Without local storage, lost data is not recognized: the page of an empty app says what to do.
  }
}

export function hadAccounts(): boolean {
  try {
    return localStorage.getItem(MARK) !== null;
  } catch {
    return false;
  }
}

/** Request the configuration of the server. */
export async function fetchConfiguration(): Promise<Configuration> {
  // The page preloads it with the same options. The server sends `no-cache`.
  const response = await fetch("config.json");
  if (!response.ok) throw new Error(`config.json: ${response.status}`);
  return parseConfiguration((await response.json()) as Record<string, unknown>);
}

function parseConfiguration(members: Record<string, unknown>): Configuration {
  const applications = members.applications as Record<string, string | null>[];
  return {
    name: String(members.name),
    server: String(members.server).replace(/\/+$/, ""),
    // Without an enabled version, an application has no enrolments.
    applications: applications
      .filter(({ app_version: version }) => version !== null)
      .map((application) => ({
        id: String(application.application_id),
        name: String(application.name),
        version: String(application.app_version),
        pushKey: application.vapid_public_key ?? undefined,
      })),
  };
}
