/** Keys of a profile and of the server, and the interface of the key store. */

import { calculateJwkThumbprint } from "jose";
import { fromBase64Url } from "./encoding.ts";
import { InvalidMember, isObject, list, text, type JsonObject } from "./json.ts";

/** Public half of a P-256 key (RFC 7517). `x` and `y` are 32 bytes in base64url. */
export interface PublicJwk {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
}

/** Public halves of the two keys of a profile or of the server. */
export interface PublicKeys {
  readonly signing: PublicJwk;
  readonly encryption: PublicJwk;
}

/**
 * Key store of the device: two P-256 keys for each `id`. The private halves never leave it.
 *
 * The two private operations are those of the Secure Enclave, StrongBox and WebCrypto. The library chooses the ids.
 * Calls with keys that do not exist throw KeysLost, which the app gets. The library passes all other errors, too.
 */
export interface KeyStore {
  /** Create the keys and store them durably. If keys with this id exist, return these. */
  generate(id: string): Promise<PublicKeys>;
  /** Sign with ECDSA and SHA-256 (ES256) and the signing key. Return 64 raw bytes, or DER. */
  sign(id: string, data: Uint8Array): Promise<Uint8Array>;
  /** Return the 32 bytes of the ECDH shared secret of the encryption key and a public key (its x coordinate). */
  deriveSharedSecret(id: string, publicKey: PublicJwk): Promise<Uint8Array>;
  /** Delete both keys. Succeeds if they do not exist. */
  delete(id: string): Promise<void>;
}

export const thumbprint = (key: PublicJwk): Promise<string> => calculateJwkThumbprint(key);

/** Return the JWK Set that an enrolment sends. */
export function toKeySet({ signing, encryption }: PublicKeys): JsonObject {
  return {
    keys: [
      { ...coordinates(signing), use: "sig", alg: "ES256" },
      { ...coordinates(encryption), use: "enc", alg: "ECDH-ES+A256KW" },
    ],
  };
}

/** Parse the JWK Set of the server. Throws InvalidMember unless it is exactly one key of each use, with its `kid`. */
export async function parseKeySet(members: JsonObject): Promise<PublicKeys> {
  const keys = list(members, "keys");
  if (keys.length !== 2) throw new InvalidMember("the server must have two public keys");
  return { signing: await findKey(keys, "sig", "ES256"), encryption: await findKey(keys, "enc", "ECDH-ES+A256KW") };
}

async function findKey(keys: JsonObject[], use: string, alg: string): Promise<PublicJwk> {
  const jwk = keys.find((key) => key.use === use && key.alg === alg);
  if (jwk === undefined) throw new InvalidMember(`the server has no public key for ${alg}`);
  const key = parsePublicJwk(jwk);
  await importEcdh(key);
  if (text(jwk, "kid") !== (await thumbprint(key))) throw new InvalidMember("kid is not the thumbprint of its key");
  return key;
}

/** Return the members of a public P-256 key. Throws InvalidMember for any other key. */
export function parsePublicJwk(value: unknown): PublicJwk {
  if (!isObject(value) || value.kty !== "EC" || value.crv !== "P-256" || "d" in value) {
    throw new InvalidMember("not a public P-256 key");
  }
  const [x, y] = [text(value, "x"), text(value, "y")];
  if (fromBase64Url(x).length !== 32 || fromBase64Url(y).length !== 32) {
    throw new InvalidMember("a coordinate of a P-256 key must have 32 bytes");
  }
  return { kty: "EC", crv: "P-256", x, y };
}

/** Return only the members of PublicJwk: key stores can add others. */
function coordinates({ kty, crv, x, y }: PublicJwk): PublicJwk {
  return { kty, crv, x, y };
}

/** Import a key for ECDH. WebCrypto rejects points that are not on the curve. */
export function importEcdh(key: PublicJwk): Promise<CryptoKey> {
  return crypto.subtle.importKey("jwk", coordinates(key), { name: "ECDH", namedCurve: "P-256" }, true, []);
}
