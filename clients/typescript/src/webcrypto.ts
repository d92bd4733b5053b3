/** Key store with WebCrypto keys that cannot be exported. */

import { KeysLost } from "./errors.ts";
import { importEcdh, parsePublicJwk, type KeyStore, type PublicJwk, type PublicKeys } from "./keys.ts";

/** Pairs of one profile. */
export interface StoredKeys {
  readonly signing: CryptoKeyPair;
  readonly encryption: CryptoKeyPair;
}

/** Key store with WebCrypto keys that cannot be exported. Subclasses keep the pairs elsewhere. */
export abstract class WebCryptoKeyStore implements KeyStore {
  protected abstract load(id: string): Promise<StoredKeys | undefined>;
  /** Store the keys, unless others exist with this id. */
  protected abstract insert(id: string, keys: StoredKeys): Promise<void>;
  abstract delete(id: string): Promise<void>;

  async generate(id: string): Promise<PublicKeys> {
    if ((await this.load(id)) === undefined) await this.insert(id, await generatePairs());
    const keys = await this.#get(id);
    return {
      signing: await exportPublic(keys.signing.publicKey),
      encryption: await exportPublic(keys.encryption.publicKey),
    };
  }

  async sign(id: string, data: Uint8Array): Promise<Uint8Array> {
    const { privateKey } = (await this.#get(id)).signing;
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    return new Uint8Array(await crypto.subtle.sign(algorithm, privateKey, Uint8Array.from(data)));
  }

  async deriveSharedSecret(id: string, publicKey: PublicJwk): Promise<Uint8Array> {
    const { privateKey } = (await this.#get(id)).encryption;
    const algorithm = { name: "ECDH", public: await importEcdh(publicKey) };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, 256));
  }

  async #get(id: string): Promise<StoredKeys> {
    const keys = await this.load(id);
    if (keys === undefined) throw new KeysLost();
    return keys;
  }
}

async function generatePairs(): Promise<StoredKeys> {
  return {
    signing: await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]),
    encryption: await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, false, ["deriveBits"]),
  };
}

const exportPublic = async (key: CryptoKey): Promise<PublicJwk> =>
  parsePublicJwk(await crypto.subtle.exportKey("jwk", key));
