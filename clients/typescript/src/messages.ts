/**
 * Sealed messages: a compact JWE (RFC 7516) that contains a compact JWS (RFC 7515).
 *
 * jose encrypts to the server and verifies its signature. The two operations with private keys are in the key store,
 * which can be hardware; therefore the parts around them (the JWS to sign, Concat KDF and key unwrapping) are here.
 */

import { CompactEncrypt, compactVerify, importJWK } from "jose";
import { decodeUtf8, encodeUtf8, fromBase64Url, toBase64Url, type Bytes } from "./encoding.ts";
import { InvalidServerMessage } from "./errors.ts";
import { hasExactly, object, parseObject, type JsonObject } from "./json.ts";
import { importEcdh, parsePublicJwk, thumbprint, type KeyStore, type PublicJwk, type PublicKeys } from "./keys.ts";
import { toRawSignature } from "./signatures.ts";

/** Limit of a sealed message: signing data can be long. The opened one is smaller: compression is not allowed. */
const MAX_BYTES = 1024 * 1024;
const JWE_ALGORITHM = "ECDH-ES+A256KW";
const CONTENT_ENCRYPTION = "A256GCM";
const JWE_HEADER = ["alg", "enc", "kid", "cty", "epk"];
const JWS_HEADER = ["alg", "kid", "typ"];

export type OutgoingType = "countersign-answer" | "countersign-registration";
export type IncomingType = "countersign-challenge" | "countersign-token";

/** Keys with which a profile exchanges messages. The kids are RFC 7638 thumbprints of the profile's keys. */
export interface MessageKeys {
  readonly keyId: string;
  readonly signingKid: string;
  readonly encryptionKid: string;
  readonly server: PublicKeys;
}

/** Sign with the key of the profile, and encrypt to the server. */
export async function seal(
  content: JsonObject,
  type: OutgoingType,
  keys: MessageKeys,
  keyStore: KeyStore,
): Promise<string> {
  const signed = await signCompact(content, type, keys, keyStore);
  const header = {
    alg: JWE_ALGORITHM,
    enc: CONTENT_ENCRYPTION,
    kid: await thumbprint(keys.server.encryption),
    cty: "JOSE",
  };
  const serverKey = await importJWK({ ...keys.server.encryption }, JWE_ALGORITHM);
  return new CompactEncrypt(encodeUtf8(signed)).setProtectedHeader(header).encrypt(serverKey);
}

async function signCompact(
  content: JsonObject,
  type: OutgoingType,
  keys: MessageKeys,
  keyStore: KeyStore,
): Promise<string> {
  const header = { alg: "ES256", kid: keys.signingKid, typ: type };
  const signingInput = `${encodeJson(header)}.${encodeJson(content)}`;
  const signature = toRawSignature(await keyStore.sign(keys.keyId, encodeUtf8(signingInput)));
  return `${signingInput}.${toBase64Url(signature)}`;
}

const encodeJson = (value: JsonObject): string => toBase64Url(encodeUtf8(JSON.stringify(value)));

/** Decrypt a message for the profile, and verify that the server has signed it. Throws InvalidServerMessage if not. */
export async function open(
  message: string,
  type: IncomingType,
  keys: MessageKeys,
  keyStore: KeyStore,
): Promise<JsonObject> {
  const encrypted = await verified(() => parseCompact(message, keys));
  // An error of the key store is not one of the message.
  const sharedSecret = await keyStore.deriveSharedSecret(keys.keyId, encrypted.ephemeral);
  return verified(async () => {
    const signed = decodeUtf8(await decrypt(encrypted, sharedSecret));
    return parseObject(await verifyCompact(signed, type, keys));
  });
}

/** Run, and throw InvalidServerMessage instead of any error. */
async function verified<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new InvalidServerMessage("the message of the server is invalid", { cause: error });
  }
}

/** Parts of a JWE, with its valid header in base64url. */
interface Encrypted {
  readonly header: string;
  readonly ephemeral: PublicJwk;
  readonly encryptedKey: Bytes;
  readonly iv: Bytes;
  readonly ciphertext: Bytes;
  readonly tag: Bytes;
}

async function parseCompact(message: string, keys: MessageKeys): Promise<Encrypted> {
  if (message.length > MAX_BYTES) throw new Error("the message is too large");
  const parts = message.split(".");
  if (parts.length !== 5) throw new Error("not a compact JWE");
  const [header = "", ...encoded] = parts;
  const ephemeral = parseHeader(parseObject(decodeUtf8(fromBase64Url(header))), keys);
  // Rejects a point that is not on the curve before the private key is used with it.
  await importEcdh(ephemeral);
  const [encryptedKey, iv, ciphertext, tag] = encoded.map(fromBase64Url) as [Bytes, Bytes, Bytes, Bytes];
  if (encryptedKey.length !== 40) throw new Error("the encrypted key has an invalid length");
  if (iv.length !== 12 || tag.length !== 16) throw new Error("IV or tag has an invalid length");
  return { header, ephemeral, encryptedKey, iv, ciphertext, tag };
}

/** Return the ephemeral key of a valid header. */
function parseHeader(members: JsonObject, keys: MessageKeys): PublicJwk {
  const valid =
    hasExactly(members, JWE_HEADER) &&
    members.alg === JWE_ALGORITHM &&
    members.enc === CONTENT_ENCRYPTION &&
    members.kid === keys.encryptionKid &&
    members.cty === "JOSE" &&
    hasExactly(object(members, "epk"), ["kty", "crv", "x", "y"]);
  if (!valid) throw new Error("the header of the JWE is invalid");
  return parsePublicJwk(members.epk);
}

async function decrypt({ header, encryptedKey, iv, ciphertext, tag }: Encrypted, sharedSecret: Uint8Array) {
  const contentKey = await unwrap(encryptedKey, sharedSecret);
  const algorithm = { name: "AES-GCM", iv, additionalData: encodeUtf8(header), tagLength: 128 };
  return new Uint8Array(await crypto.subtle.decrypt(algorithm, contentKey, concatenate(ciphertext, tag)));
}

/** Unwrap the content encryption key with the key that Concat KDF derives from the shared secret. */
async function unwrap(encryptedKey: Bytes, sharedSecret: Uint8Array): Promise<CryptoKey> {
  const wrappingBytes = await concatKdf(sharedSecret, JWE_ALGORITHM, 256);
  const wrappingKey = await crypto.subtle.importKey("raw", wrappingBytes, "AES-KW", false, ["unwrapKey"]);
  return crypto.subtle.unwrapKey("raw", encryptedKey, wrappingKey, "AES-KW", "AES-GCM", false, ["decrypt"]);
}

/** Concat KDF of RFC 7518, 4.6.2, for a key of at most 256 bits: one round of SHA-256. */
export async function concatKdf(
  sharedSecret: Uint8Array,
  algorithm: string,
  bits: number,
  partyU: Uint8Array = new Uint8Array(0),
  partyV: Uint8Array = new Uint8Array(0),
): Promise<Bytes> {
  if (sharedSecret.length !== 32) throw new Error("the shared secret must have 32 bytes");
  const input = concatenate(
    uint32(1),
    sharedSecret,
    ...[encodeUtf8(algorithm), partyU, partyV].flatMap((value) => [uint32(value.length), value]),
    uint32(bits),
  );
  return new Uint8Array(await crypto.subtle.digest("SHA-256", input)).slice(0, bits / 8);
}

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function concatenate(...parts: Uint8Array[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}

async function verifyCompact(signed: string, type: IncomingType, keys: MessageKeys): Promise<string> {
  const serverKey = await importJWK({ ...keys.server.signing }, "ES256");
  const { payload, protectedHeader } = await compactVerify(signed, serverKey, { algorithms: ["ES256"] });
  const valid =
    hasExactly({ ...protectedHeader }, JWS_HEADER) &&
    protectedHeader.kid === (await thumbprint(keys.server.signing)) &&
    protectedHeader.typ === type;
  if (!valid) throw new Error("the header of the JWS is invalid");
  return decodeUtf8(payload);
}
