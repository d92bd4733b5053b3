/** The vectors of docs/test-vectors.json, and of the standards. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as jose from "jose";
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "../src/encoding.ts";
import { InvalidServerMessage } from "../src/errors.ts";
import { parseOtp } from "../src/links.ts";
import { parseKeySet, thumbprint, type PublicJwk } from "../src/keys.ts";
import { concatKdf, open, seal, type IncomingType, type MessageKeys, type OutgoingType } from "../src/messages.ts";
import { PIN_SCRYPT, PinLock, unlockToken } from "../src/pin.ts";
import { scrypt } from "../src/scrypt.ts";
import { toRawSignature } from "../src/signatures.ts";
import { WebCryptoKeyStore, type StoredKeys } from "../src/webcrypto.ts";

type Json = Record<string, any>;
const vectors = JSON.parse(readFileSync(new URL("../../../docs/test-vectors.json", import.meta.url), "utf8")) as Json;
const { server, devices } = vectors.jose as { server: Json; devices: Json[] };

/** Key store with the secret keys of the vectors. */
class VectorKeyStore extends WebCryptoKeyStore {
  readonly #keys: Json;

  constructor(keys: Json) {
    super();
    this.#keys = keys;
  }

  protected override async load(): Promise<StoredKeys> {
    const load = async (use: string, name: string, usages: KeyUsage[]): Promise<CryptoKeyPair> => {
      const { kty, crv, x, y, d } = findKey(this.#keys, use);
      const algorithm = { name, namedCurve: "P-256" };
      const privateKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y, d }, algorithm, false, usages);
      return { privateKey, publicKey: privateKey };
    };
    return {
      signing: await load("sig", "ECDSA", ["sign"]),
      encryption: await load("enc", "ECDH", ["deriveBits"]),
    };
  }

  protected override insert(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }

  override delete(): Promise<void> {
    return Promise.reject(new Error("not used"));
  }
}

const findKey = (keys: Json, use: string): Json => (keys.keys as Json[]).find((key) => key.use === use)!;

async function messageKeys(device: Json): Promise<MessageKeys> {
  return {
    keyId: "vectors",
    signingKid: await thumbprint(findKey(device.public_keys, "sig") as PublicJwk),
    encryptionKid: await thumbprint(findKey(device.public_keys, "enc") as PublicJwk),
    server: await parseKeySet(server.public_keys),
  };
}

for (const device of devices) {
  describe(`device ${device.name}`, () => {
    const keyStore = new VectorKeyStore(device.secret_keys);

    it("opens the messages of the server", async () => {
      const keys = await messageKeys(device);
      for (const { message, typ, content } of Object.values(device.to_device as Json)) {
        assert.deepEqual(await open(message as string, typ as IncomingType, keys, keyStore), content);
      }
    });

    it("rejects a message of another type", async () => {
      const opened = open(device.to_device.challenge.message, "countersign-token", await messageKeys(device), keyStore);
      await assert.rejects(opened, InvalidServerMessage);
    });

    it("rejects the invalid messages", async () => {
      const keys = await messageKeys(device);
      const invalid = (device.refused as Json[]).filter(({ direction }) => direction === "to_device");
      assert.ok(invalid.length > 20);
      for (const { reason, message, typ } of invalid) {
        await assert.rejects(open(message, typ, keys, keyStore), InvalidServerMessage, reason as string);
      }
    });

    it("seals messages that the server opens", async () => {
      const keys = await messageKeys(device);
      const secret = await jose.importJWK(findKey(server.secret_keys, "enc"), "ECDH-ES+A256KW");
      const sender = await jose.importJWK(findKey(device.public_keys, "sig"), "ES256");
      for (const { message, typ, content } of Object.values(device.to_server as Json)) {
        const sealed = await seal(content as Json, typ as OutgoingType, keys, keyStore);
        const [outer, inner] = [await jose.compactDecrypt(message, secret), await jose.compactDecrypt(sealed, secret)];
        const { epk, ...header } = inner.protectedHeader;
        assert.deepEqual({ ...header, epk: outer.protectedHeader.epk }, outer.protectedHeader);
        assert.deepEqual(Object.keys(epk!).sort(), ["crv", "kty", "x", "y"]);
        const opened = await jose.compactVerify(inner.plaintext, sender);
        assert.deepEqual(JSON.parse(new TextDecoder().decode(opened.payload)), content);
        assert.deepEqual(opened.protectedHeader, { alg: "ES256", kid: keys.signingKid, typ });
      }
    });

    it("converts signatures in DER", async () => {
      const { der, raw, data } = device.signature;
      const key = await jose.importJWK(findKey(device.public_keys, "sig"), "ES256");
      for (const signature of [der, raw]) {
        const bytes = toRawSignature(fromBase64(signature));
        const algorithm = { name: "ECDSA", hash: "SHA-256" };
        assert.ok(await crypto.subtle.verify(algorithm, key as CryptoKey, bytes, new TextEncoder().encode(data)));
      }
      assert.equal(toBase64(toRawSignature(fromBase64(raw))), raw);
    });
  });
}

describe("signatures", () => {
  const der = fromBase64(devices[0]!.signature.der);
  const invalid: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["another type", Uint8Array.from([0x31, ...der.slice(1)])],
    ["bytes after the end", Uint8Array.from([...der, 0])],
    ["a number that is too long", Uint8Array.from([0x30, 40, 2, 38, ...new Uint8Array(38).fill(1)])],
    ["an end inside of a number", Uint8Array.from([0x30, 4, 2, 32, 1, 1])],
  ];
  for (const [name, bytes] of invalid) {
    it(`are rejected: ${name}`, () => {
      assert.throws(() => toRawSignature(bytes));
    });
  }

  it("have leading zeros in raw form", () => {
    const raw = toRawSignature(Uint8Array.from([0x30, 6, 2, 1, 5, 2, 1, 6]));
    assert.deepEqual([raw[31], raw[63], raw.reduce((sum, byte) => sum + byte)], [5, 6, 11]);
  });
});

describe("PIN token", () => {
  const { salt, locked, pin, token, wrong_pin, token_of_wrong_pin } = vectors.locked_pin_token as Json;
  const derive = (password: Uint8Array, bytes: Uint8Array) => scrypt(password, bytes, PIN_SCRYPT);

  it("is unlocked by its PIN only", async () => {
    const stored = { salt, locked };
    assert.equal(await unlockToken(stored, pin, derive), token);
    assert.equal(await unlockToken(stored, wrong_pin, derive), token_of_wrong_pin);
  });
});

it("a PIN token has 32 bytes, without padding", async () => {
  const lock = await PinLock.prepare("12345", () => Promise.resolve(new Uint8Array(32)));
  for (const length of [0, 31, 33]) assert.throws(() => lock.lock(toBase64Url(new Uint8Array(length))));
  assert.throws(() => lock.lock(`${toBase64Url(new Uint8Array(32))}=`));
  assert.ok(lock.lock(toBase64Url(new Uint8Array(32))));
});

it("a scanned one-time password is parsed", () => {
  const { scanned, transaction_id } = vectors.otp;
  assert.deepEqual(parseOtp(scanned), { transactionId: transaction_id, scanned });
  assert.equal(parseOtp("https://example.com"), undefined);
  assert.equal(parseOtp(toBase64(new TextEncoder().encode("{}"))), undefined);
});

describe("scrypt of RFC 7914", () => {
  // The last vector of the RFC takes 1 GiB.
  const rows: [string, string, number, number, number, string][] = [
    ["", "", 16, 1, 1, "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442"],
    ["password", "NaCl", 1024, 8, 16, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"],
    ["pleaseletmein", "SodiumChloride", 16384, 8, 1, "7023bdcb3afd7348461c06cd81fd38eb"],
  ];
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  for (const [password, salt, N, r, p, expected] of rows) {
    it(`derives a key with N = ${N}`, async () => {
      const key = await scrypt(bytes(password), bytes(salt), { N, r, p, length: 64 });
      assert.equal(Buffer.from(key).toString("hex").slice(0, expected.length), expected);
    });
  }

  it("pauses", async () => {
    let pauses = 0;
    await scrypt(bytes("12345"), bytes("salt"), PIN_SCRYPT, () => {
      pauses += 1;
      return Promise.resolve();
    });
    assert.equal(pauses, 16);
  });
});

it("Concat KDF matches RFC 7518, appendix C", async () => {
  const secret = [
    158, 86, 217, 29, 129, 113, 53, 211, 114, 131, 66, 131, 191, 132, 38, 156, 251, 49, 110, 163, 218, 128, 106, 72,
    246, 218, 167, 121, 140, 254, 144, 196,
  ];
  const [alice, bob] = ["Alice", "Bob"].map((name) => new TextEncoder().encode(name));
  const key = await concatKdf(Uint8Array.from(secret), "A128GCM", 128, alice, bob);
  assert.equal(toBase64Url(key), "VqqN6vgjbSBcIijNcacQGg");
});

it("base64url that is not canonical is rejected", () => {
  assert.deepEqual([...fromBase64Url("AAE")], [0, 1]);
  for (const text of ["AAF", "AAE=", "AA E", "AA+E", "A"]) assert.throws(() => fromBase64Url(text), text);
});
