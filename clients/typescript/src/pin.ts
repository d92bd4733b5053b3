/** The PIN token, encrypted with the PIN, without any value that identifies the correct PIN. */

import { encodeUtf8, fromBase64Url, toBase64Url, type Bytes } from "./encoding.ts";

/** Parameters of scrypt for the PIN token: 32 MiB. */
export const PIN_SCRYPT = { N: 32768, r: 8, p: 1, length: 32 } as const;
const SALT_BYTES = 16;

/** Derive 32 bytes with scrypt and PIN_SCRYPT. A native implementation takes a fraction of the time. */
export type Scrypt = (password: Uint8Array, salt: Uint8Array) => Promise<Uint8Array>;

/**
 * Stored form of a PIN token, in base64url.
 *
 * The token is random, so each PIN decrypts it to an equally likely token, and only the server can verify it. Any check
 * value (an authentication tag, a checksum, the alphabet of the token) would allow an offline search for the PIN.
 */
export interface LockedToken {
  readonly salt: string;
  readonly locked: string;
}

/** A PIN that is ready to lock a token: scrypt runs before the request, so that its response is stored at once. */
export class PinLock {
  readonly #salt: Bytes;
  readonly #keystream: Bytes;

  private constructor(salt: Bytes, keystream: Bytes) {
    this.#salt = salt;
    this.#keystream = keystream;
  }

  /** Derive the keystream of a PIN with a new salt. */
  static async prepare(pin: string, scrypt: Scrypt): Promise<PinLock> {
    const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
    return new PinLock(salt, await deriveKeystream(pin, salt, scrypt));
  }

  /** Encrypt a token of the server. Throws Error unless it is 32 bytes in base64url. Use it once. */
  lock(token: string): LockedToken {
    const locked = xor(fromBase64Url(token), this.#keystream);
    return { salt: toBase64Url(this.#salt), locked: toBase64Url(locked) };
  }
}

/** Return the token for the correct PIN, and a different token for each other PIN. */
export async function unlockToken({ salt, locked }: LockedToken, pin: string, scrypt: Scrypt): Promise<string> {
  return toBase64Url(xor(fromBase64Url(locked), await deriveKeystream(pin, fromBase64Url(salt), scrypt)));
}

async function deriveKeystream(pin: string, salt: Bytes, scrypt: Scrypt): Promise<Bytes> {
  return Uint8Array.from(await scrypt(encodeUtf8(pin), salt));
}

function xor(content: Bytes, keystream: Bytes): Bytes {
  if (content.length !== PIN_SCRYPT.length || keystream.length !== PIN_SCRYPT.length) {
    throw new Error("not a token of 32 random bytes: a wrong PIN would be recognizable");
  }
  return content.map((byte, index) => byte ^ (keystream[index] ?? 0));
}
