/** Encodings: UTF-8, base64, base64url without padding. */

import { base64url } from "jose";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

// WebCrypto accepts only arrays that are not shared between threads.
export type Bytes = Uint8Array<ArrayBuffer>;

export const encodeUtf8 = (text: string): Bytes => encoder.encode(text);
/** Decode UTF-8. Throws TypeError for any other bytes. */
export const decodeUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes);

export const toBase64Url = (bytes: Uint8Array): string => base64url.encode(bytes);

/** Decode base64url without padding. Throws Error for any other text, and for a text that is not canonical. */
export function fromBase64Url(text: string): Bytes {
  const bytes = Uint8Array.from(base64url.decode(text));
  if (base64url.encode(bytes) !== text) throw new Error("the text is not canonical base64url");
  return bytes;
}

export function toBase64(bytes: Uint8Array): string {
  const text = base64url.encode(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}

export function fromBase64(text: string): Bytes {
  return fromBase64Url(text.replace(/={1,2}$/, "").replaceAll("+", "-").replaceAll("/", "_"));
}

/** Return random bytes as base64url. */
export const randomText = (length: number): string => toBase64Url(crypto.getRandomValues(new Uint8Array(length)));
