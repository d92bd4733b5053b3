/** Interfaces of the device's storage. */

/**
 * Durable storage of texts by key, private to the app and encrypted at rest: it contains the device token.
 *
 * The library never calls `update` for a key while another `update` of the same instance runs. If other processes use
 * the same storage (a service worker, a second tab), `update` must be atomic for them too.
 */
export interface Storage {
  get(key: string): Promise<string | undefined>;
  /** Replace the value by the result of `change`. The promise is fulfilled when the new value is durable. */
  update(key: string, change: (value: string | undefined) => string): Promise<void>;
}

/**
 * Store of the tokens of fingerprint and custom authenticators. `unlock` requests the biometric or the authenticator.
 *
 * The ids are unique for each registration and end with the name of the authenticator: `fingerprint` or `custom:ID`.
 */
export interface TokenStore {
  save(id: string, token: string): Promise<void>;
  /** Return the token after a successful check of the user. Reject otherwise: the answer is then not sent. */
  unlock(id: string): Promise<string>;
  /** Succeeds if the token does not exist. */
  delete(id: string): Promise<void>;
}

/**
 * Token store for platforms without a biometric key store: it calls `unlock` before it returns a token.
 *
 * The tokens are as secure as the storage. On iOS and Android, use the key store of the platform instead.
 */
export class CallbackTokenStore implements TokenStore {
  readonly #storage: Storage;
  readonly #unlock: (authenticator: string) => Promise<void>;

  /** `unlock` gets the name of the authenticator (`fingerprint` or `custom:ID`), and rejects if the user fails. */
  constructor(storage: Storage, unlock: (authenticator: string) => Promise<void>) {
    this.#storage = storage;
    this.#unlock = unlock;
  }

  async save(id: string, token: string): Promise<void> {
    await this.#change((tokens) => ({ ...tokens, [id]: token }));
  }

  async unlock(id: string): Promise<string> {
    await this.#unlock(id.slice(id.lastIndexOf("/") + 1));
    const token = parse(await this.#storage.get(KEY))[id];
    if (token === undefined) throw new Error("the token does not exist");
    return token;
  }

  async delete(id: string): Promise<void> {
    await this.#change((tokens) => Object.fromEntries(Object.entries(tokens).filter(([name]) => name !== id)));
  }

  #change(change: (tokens: Record<string, string>) => Record<string, string>): Promise<void> {
    return this.#storage.update(KEY, (value) => JSON.stringify(change(parse(value))));
  }
}

const KEY = "countersign:tokens";

const parse = (value: string | undefined): Record<string, string> =>
  JSON.parse(value ?? "{}") as Record<string, string>;
