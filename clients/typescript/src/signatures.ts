/** Formats of ES256 signatures. */

import type { Bytes } from "./encoding.ts";

const COORDINATE_BYTES = 32;

/** Return the 64 raw bytes of a signature in raw form or DER (iOS and Android). Throws Error for any other bytes. */
export function toRawSignature(signature: Uint8Array): Bytes {
  if (signature.length === 2 * COORDINATE_BYTES) return Uint8Array.from(signature);
  // SEQUENCE of two INTEGERs, of at most 33 bytes each: all lengths are one byte.
  if (signature[0] !== 0x30 || signature[1] !== signature.length - 2) throw new Error("not an ES256 signature");
  const raw = new Uint8Array(2 * COORDINATE_BYTES);
  const next = readInteger(signature, 2, raw.subarray(0, COORDINATE_BYTES));
  const end = readInteger(signature, next, raw.subarray(COORDINATE_BYTES));
  if (end !== signature.length) throw new Error("not an ES256 signature");
  return raw;
}

/** Write the INTEGER at `start` into `target`, and return the position after it. */
function readInteger(der: Uint8Array, start: number, target: Uint8Array): number {
  const length = der[start + 1] ?? 0;
  const end = start + 2 + length;
  if (der[start] !== 0x02 || length === 0 || end > der.length) throw new Error("not an ES256 signature");
  let first = start + 2;
  while (first < end - 1 && der[first] === 0) first += 1;
  if (end - first > COORDINATE_BYTES) throw new Error("not an ES256 signature");
  target.set(der.subarray(first, end), COORDINATE_BYTES - (end - first));
  return end;
}
