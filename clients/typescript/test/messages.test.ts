/** Messages of the server that a device rejects although they can be decrypted. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as jose from "jose";
import { toBase64Url } from "../src/encoding.ts";
import { InvalidServerMessage } from "../src/errors.ts";
import type { KeyStore } from "../src/keys.ts";
import { concatKdf, open, type MessageKeys } from "../src/messages.ts";
import { Setup } from "./setup.ts";

type Json = Record<string, unknown>;
const encode = (value: Json): string => toBase64Url(new TextEncoder().encode(JSON.stringify(value)));

interface Encryption {
  readonly outer?: (header: Json) => Json;
  readonly keyBits?: number;
  readonly ivBytes?: number;
  readonly tagBytes?: number;
}

/** Encrypt as documented, with any protected header and lengths. */
async function encrypt(signed: string, receiver: Json, options: Encryption): Promise<string> {
  const { outer = (header: Json) => header, keyBits = 256, ivBytes = 12, tagBytes = 16 } = options;
  const pair = await crypto.subtle.generateKey({ name: "ECDH", namedCurve: "P-256" }, true, ["deriveBits"]);
  const { kty, crv, x, y } = await jose.exportJWK(pair.publicKey);
  const publicKey = (await jose.importJWK(receiver, "ECDH-ES+A256KW")) as CryptoKey;
  const secret = await crypto.subtle.deriveBits({ name: "ECDH", public: publicKey }, pair.privateKey, 256);
  const wrapping = await concatKdf(new Uint8Array(secret), "ECDH-ES+A256KW", 256);
  const wrappingKey = await crypto.subtle.importKey("raw", wrapping, "AES-KW", false, ["wrapKey"]);
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: keyBits }, true, ["encrypt"]);
  const header = encode(outer({
    alg: "ECDH-ES+A256KW",
    enc: "A256GCM",
    kid: await jose.calculateJwkThumbprint(receiver),
    cty: "JOSE",
    epk: { kty, crv, x, y },
  }));
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const algorithm = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(header) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, new TextEncoder().encode(signed)));
  const wrapped = new Uint8Array(await crypto.subtle.wrapKey("raw", key, wrappingKey, "AES-KW"));
  const parts = [wrapped, iv, sealed.subarray(0, -tagBytes), sealed.subarray(-tagBytes)].map(toBase64Url);
  return [header, ...parts].join(".");
}

interface Message extends Encryption {
  readonly inner?: Json;
  readonly content?: (challenge: Json) => Json;
}

/** Fetch a challenge in a message with these changes. */
async function fetchChanged({ inner = {}, content = (challenge) => challenge, ...encryption }: Message) {
  const setup = new Setup();
  const profile = await setup.enroll();
  const { server } = setup;
  const transaction = server.start(profile.profileId);
  const { signing } = await server.keys();
  const kid = await jose.calculateJwkThumbprint(await jose.exportJWK(signing.publicKey));
  const text = JSON.stringify(content({ ...transaction.challenge }));
  const signed = await new jose.CompactSign(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: "ES256", kid, typ: "countersign-challenge", ...inner })
    .sign(signing.privateKey);
  const receiver = server.profile().keys.find(({ use }) => use === "enc")!;
  const message = await encrypt(signed, receiver, encryption);
  setup.restart({ fetch: () => Promise.resolve(new Response(JSON.stringify({ message }))) });
  return setup.device.fetch({ transactionId: transaction.id, profileId: profile.profileId });
}

describe("a message of the server", () => {
  it("is opened as documented", async () => {
    assert.equal((await fetchChanged({})).message, "Sign in?");
  });

  const invalid: [string, Message][] = [
    ["another alg", { outer: (header) => ({ ...header, alg: "ECDH-ES+A128KW" }) }],
    ["another enc", { outer: (header) => ({ ...header, enc: "A128GCM" }) }],
    ["another kid", { outer: (header) => ({ ...header, kid: "another" }) }],
    ["another cty", { outer: (header) => ({ ...header, cty: "JWT" }) }],
    ["no cty", { outer: ({ cty, ...header }) => (cty === "JOSE" ? header : {}) }],
    ["an additional member", { outer: (header) => ({ ...header, apu: "QWxpY2U" }) }],
    ["an additional member of epk", { outer: (header) => ({ ...header, epk: { ...(header.epk as Json), kid: "" } }) }],
    ["a key of 128 bits", { keyBits: 128 }],
    ["an IV of 16 bytes", { ivBytes: 16 }],
    ["a tag of 15 bytes", { tagBytes: 15 }],
    ["another kid of the signature", { inner: { kid: "another" } }],
    ["another typ", { inner: { typ: "countersign-token" } }],
    ["an additional member of the signature", { inner: { jku: "https://example.com" } }],
    ["a size of more than 1 MiB", { content: (challenge) => ({ ...challenge, message: "a".repeat(600_000) }) }],
    ["the challenge of another transaction", { content: (challenge) => ({ ...challenge, transaction_id: "another" }) }],
    ["no token", { content: ({ token, ...challenge }) => (token === "" ? {} : challenge) }],
    ["a message that is no text", { content: (challenge) => ({ ...challenge, message: 1 }) }],
    ["no type", { content: (challenge) => ({ ...challenge, type: null }) }],
    [
      "no signing data although it must be signed",
      { content: (challenge) => ({ ...challenge, type: { ...(challenge.type as Json), transaction_signing: true } }) },
    ],
  ];
  for (const [name, message] of invalid) {
    it(`is rejected with ${name}`, async () => {
      await assert.rejects(fetchChanged(message), InvalidServerMessage);
    });
  }

  it("with a point that is not on the curve does not reach the key store", async () => {
    const keys = { keyId: "", signingKid: "", encryptionKid: "", server: {} } as MessageKeys;
    const epk = { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) };
    const header = encode({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: "", cty: "JOSE", epk });
    let used = false;
    const deriveSharedSecret = () => {
      used = true;
      return Promise.resolve(new Uint8Array(32));
    };
    const keyStore = { deriveSharedSecret } as unknown as KeyStore;
    await assert.rejects(open(`${header}....`, "countersign-challenge", keys, keyStore), InvalidServerMessage);
    assert.ok(!used);
  });

  it("can have unknown members, a code and 200 KiB", async () => {
    const content = (challenge: Json) => ({ ...challenge, later: true, code: "012345", message: "a".repeat(110_000) });
    assert.equal((await fetchChanged({ content })).code, "012345");
  });
});
