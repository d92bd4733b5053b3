/** Storage and key store of a browser: IndexedDB, with keys that no script can export. */

import type { Lock } from "./mutex.ts";
import type { Storage } from "./storage.ts";
import { WebCryptoKeyStore, type StoredKeys } from "./webcrypto.ts";

const VALUES = "values";
const KEYS = "keys";

/** Open the database. Pass it to IndexedDbStorage and IndexedDbKeyStore. */
export async function openDatabase(name = "countersign"): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(VALUES);
    request.result.createObjectStore(KEYS);
  };
  const database = await completed(request);
  // Another tab can delete or upgrade the database.
  database.onversionchange = () => {
    database.close();
  };
  return database;
}

/** Lock of all tabs and the service worker of an origin, as the option `lock` of Device. */
export const webLock: Lock = async (name, run) => {
  let result: Promise<unknown> = Promise.resolve();
  await navigator.locks.request(name, () => (result = run()));
  return result as ReturnType<typeof run>;
};

/** Storage in IndexedDB. Changes are atomic for all tabs and the service worker. */
export class IndexedDbStorage implements Storage {
  readonly #database: IDBDatabase;
  readonly #prefix: string;

  /** `prefix` separates devices with the same server, for example of several applications. */
  constructor(database: IDBDatabase, prefix = "") {
    this.#database = database;
    this.#prefix = prefix;
  }

  async get(key: string): Promise<string | undefined> {
    const store = this.#database.transaction(VALUES).objectStore(VALUES);
    return (await completed(store.get(this.#prefix + key))) as string | undefined;
  }

  update(key: string, change: (value: string | undefined) => string): Promise<void> {
    return write(this.#database, VALUES, (store, fail) => {
      const request = store.get(this.#prefix + key);
      request.onsuccess = () => {
        try {
          store.put(change(request.result as string | undefined), this.#prefix + key);
        } catch (error) {
          fail(error);
        }
      };
    });
  }
}

/** Key store in IndexedDB, which stores keys that cannot be exported. */
export class IndexedDbKeyStore extends WebCryptoKeyStore {
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    super();
    this.#database = database;
  }

  protected override async load(id: string): Promise<StoredKeys | undefined> {
    const store = this.#database.transaction(KEYS).objectStore(KEYS);
    return (await completed(store.get(id))) as StoredKeys | undefined;
  }

  protected override insert(id: string, keys: StoredKeys): Promise<void> {
    return write(this.#database, KEYS, (store) => {
      const request = store.getKey(id);
      request.onsuccess = () => {
        if (request.result === undefined) store.put(keys, id);
      };
    });
  }

  override delete(id: string): Promise<void> {
    return write(this.#database, KEYS, (store) => {
      store.delete(id);
    });
  }
}

type Run = (store: IDBObjectStore, fail: (error: unknown) => void) => void;

/** Run a transaction. The promise is fulfilled when it is on the disk. `fail` reverts it and rejects the promise. */
function write(database: IDBDatabase, name: string, run: Run): Promise<void> {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(name, "readwrite", { durability: "strict" });
    transaction.oncomplete = () => {
      resolve();
    };
    transaction.onabort = () => {
      reject(transaction.error ?? new Error("the transaction was aborted"));
    };
    run(transaction.objectStore(name), (error) => {
      reject(error instanceof Error ? error : new Error(String(error)));
      transaction.abort();
    });
  });
}

function completed<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("the request failed"));
    };
  });
}
