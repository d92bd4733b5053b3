/**
 * Tokens of fingerprint and custom authenticators, encrypted with a key that only WebAuthn with user verification
 * returns (PRF extension).
 *
 * The authenticator of the device computes the key after it has verified the user. No script can compute it alone.
 */

import type { Storage, TokenStore } from "@countersign/device";
import type { Key } from "./i18n.ts";

const PREFIX = "phone:fingerprint:";
const USER_VERIFIED = 0x04;
const TIMEOUT = 60_000;

/** The fingerprint cannot be used. `key` is the text for the user. */
export class FingerprintError extends Error {
  readonly key: Key;

  constructor(key: Key, options?: ErrorOptions) {
    super(key, options);
    this.key = key;
  }
}

/** Credential with its key, between its creation and the registrations at the server. */
interface Prepared {
  readonly credentialId: string;
  readonly salt: string;
  readonly key: CryptoKey;
}

interface StoredToken {
  readonly credentialId: string;
  readonly salt: string;
  readonly iv: string;
  readonly encrypted: string;
}

/** Return true if this device could have an authenticator with PRF. Only the creation of a credential proves it. */
export async function isFingerprintPossible(): Promise<boolean> {
  if (typeof PublicKeyCredential === "undefined") return false;
  if (!(await PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable())) return false;
  const { getClientCapabilities } = PublicKeyCredential as {
    getClientCapabilities?: () => Promise<Record<string, boolean | undefined>>;
  };
  if (getClientCapabilities === undefined) return true;
  try {
    return (await getClientCapabilities.call(PublicKeyCredential))["extension:prf"] !== false;
  } catch {
    return true;
  }
}

export class FingerprintStore implements TokenStore {
  readonly #storage: Storage;
  #prepared: Prepared | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Create a credential in the authenticator of the device, for `save`. Call it from a click. */
  async prepare(account: string): Promise<void> {
    const salt = random(32);
    const credential = await request(() => navigator.credentials.create({ publicKey: creation(account, salt) }));
    const results = credential.getClientExtensionResults();
    if (results.prf?.enabled !== true && results.prf?.results === undefined) {
      throw new FingerprintError("fingerprint_none");
    }
    // Some authenticators return the result only for a later request.
    const output = results.prf.results?.first ?? (await evaluate(credential.rawId, salt));
    this.#prepared = {
      credentialId: encode(credential.rawId),
      salt: encode(salt),
      key: await deriveKey(toBytes(output)),
    };
  }

  /** Forget the key of the credential, after the registrations. */
  forgetPrepared(): void {
    this.#prepared = undefined;
  }

  async save(id: string, token: string): Promise<void> {
    const prepared = this.#prepared;
    if (prepared === undefined) throw new FingerprintError("fingerprint_none");
    const iv = random(12);
    const algorithm = { name: "AES-GCM", iv, additionalData: utf8(id) };
    const encrypted = await crypto.subtle.encrypt(algorithm, prepared.key, utf8(token));
    const { credentialId, salt } = prepared;
    const stored: StoredToken = { credentialId, salt, iv: encode(iv), encrypted: encode(encrypted) };
    await this.#storage.update(PREFIX + id, () => JSON.stringify(stored));
  }

  async unlock(id: string): Promise<string> {
    const value = JSON.parse((await this.#storage.get(PREFIX + id)) ?? "null") as StoredToken | null;
    if (value === null) throw new FingerprintError("authenticator_revoked");
    const key = await deriveKey(await evaluate(decode(value.credentialId), decode(value.salt)));
    const algorithm = { name: "AES-GCM", iv: decode(value.iv), additionalData: utf8(id) };
    try {
      return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, decode(value.encrypted)));
    } catch (error) {
      throw new FingerprintError("authenticator_revoked", { cause: error });
    }
  }

  async delete(id: string): Promise<void> {
    await this.#storage.update(PREFIX + id, () => "null");
  }
}

function creation(account: string, salt: Bytes): PublicKeyCredentialCreationOptions {
  return {
    rp: { name: "Countersign" },
    user: { id: random(16), name: account, displayName: account },
    challenge: random(32),
    pubKeyCredParams: [-7, -257].map((alg) => ({ type: "public-key", alg })),
    authenticatorSelection: { authenticatorAttachment: "platform", userVerification: "required" },
    attestation: "none",
    timeout: TIMEOUT,
    extensions: { prf: { eval: { first: salt } } },
  };
}

/** Return the output of the PRF for a salt, after the verification of the user. */
async function evaluate(credentialId: BufferSource, salt: Bytes): Promise<Bytes> {
  const credential = await request(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: random(32),
        allowCredentials: [{ type: "public-key", id: credentialId, transports: ["internal"] }],
        userVerification: "required",
        timeout: TIMEOUT,
        extensions: { prf: { eval: { first: salt } } },
      },
    }),
  );
  const { authenticatorData } = credential.response as AuthenticatorAssertionResponse;
  const flags = new Uint8Array(authenticatorData)[32] ?? 0;
  const output = credential.getClientExtensionResults().prf?.results?.first;
  if (output === undefined || (flags & USER_VERIFIED) === 0) throw new FingerprintError("fingerprint_none");
  return toBytes(output);
}

async function request(run: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    return (await run()) as PublicKeyCredential;
  } catch (error) {
    const isUnsupported = error instanceof DOMException && error.name === "NotSupportedError";
    throw new FingerprintError(isUnsupported ? "fingerprint_none" : "fingerprint_canceled", { cause: error });
  }
}

async function deriveKey(output: Bytes): Promise<CryptoKey> {
  const secret = await crypto.subtle.importKey("raw", output, "HKDF", false, ["deriveKey"]);
  output.fill(0);
  const algorithm = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8("countersign fingerprint") };
  return crypto.subtle.deriveKey(algorithm, secret, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

type Bytes = Uint8Array<ArrayBuffer>;

const random = (length: number): Bytes => crypto.getRandomValues(new Uint8Array(length));
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const toBytes = (source: BufferSource): Bytes =>
  ArrayBuffer.isView(source)
    ? Uint8Array.from(new Uint8Array(source.buffer, source.byteOffset, source.byteLength))
    : new Uint8Array(source.slice(0));
const encode = (bytes: ArrayBuffer | Bytes): string => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const decode = (text: string): Bytes => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
