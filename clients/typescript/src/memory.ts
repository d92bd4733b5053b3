/** Storage and key store in memory, for tests. */

import type { Storage } from "./storage.ts";
import { WebCryptoKeyStore, type StoredKeys } from "./webcrypto.ts";

export class MemoryStorage implements Storage {
  readonly values = new Map<string, string>();

  get(key: string): Promise<string | undefined> {
    return Promise.resolve(this.values.get(key));
  }

  update(key: string, change: (value: string | undefined) => string): Promise<void> {
    this.values.set(key, change(this.values.get(key)));
    return Promise.resolve();
  }
}

export class MemoryKeyStore extends WebCryptoKeyStore {
  readonly keys = new Map<string, StoredKeys>();

  protected override load(id: string): Promise<StoredKeys | undefined> {
    return Promise.resolve(this.keys.get(id));
  }

  protected override insert(id: string, keys: StoredKeys): Promise<void> {
    if (!this.keys.has(id)) this.keys.set(id, keys);
    return Promise.resolve();
  }

  override delete(id: string): Promise<void> {
    this.keys.delete(id);
    return Promise.resolve();
  }
}
