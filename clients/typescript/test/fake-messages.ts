/** Sealed messages of the fake of the device API, with jose only. */

import * as jose from "jose";

export type Json = Record<string, any>;

export interface ServerKeys {
  readonly signing: CryptoKeyPair;
  readonly encryption: CryptoKeyPair;
}

/** Error response. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Json;

  constructor(status: number, error: string, members: Json = {}) {
    super(error);
    this.status = status;
    this.body = { error_code: "", error, error_description: error, ...members };
  }
}

/** Open a message of the device with these public keys. */
export async function openSealed(
  { encryption }: ServerKeys,
  keys: Json[],
  message: string,
  typ: string,
): Promise<Json> {
  try {
    const opened = await jose.compactDecrypt(message, encryption.privateKey);
    const { protectedHeader: outer } = opened;
    const publicKey = await jose.exportJWK(encryption.publicKey);
    check(Object.keys(outer).sort().join() === "alg,cty,enc,epk,kid");
    check(outer.kid === (await jose.calculateJwkThumbprint(publicKey)) && outer.cty === "JOSE");
    check(outer.alg === "ECDH-ES+A256KW" && outer.enc === "A256GCM");
    const jwk = keys.find(({ use }) => use === "sig")!;
    const text = new TextDecoder().decode(opened.plaintext);
    const verified = await jose.compactVerify(text, await jose.importJWK(jwk, "ES256"));
    const { protectedHeader: inner } = verified;
    check(Object.keys(inner).sort().join() === "alg,kid,typ");
    check(inner.typ === typ && inner.kid === (await jose.calculateJwkThumbprint(jwk)));
    return JSON.parse(new TextDecoder().decode(verified.payload)) as Json;
  } catch {
    throw new Refusal(400, "invalid_message");
  }
}

/** Seal a message to the device with these public keys. `outer` and `inner` replace members of the headers. */
export async function seal(
  { signing }: ServerKeys,
  keys: Json[],
  content: Json,
  typ: string,
  { outer, inner }: { outer: Json; inner: Json },
): Promise<string> {
  const jwk = keys.find(({ use }) => use === "enc")! as jose.JWK;
  const kid = await jose.calculateJwkThumbprint(await jose.exportJWK(signing.publicKey));
  const signed = await new jose.CompactSign(Buffer.from(JSON.stringify(content)))
    .setProtectedHeader({ alg: "ES256", kid, typ, ...inner })
    .sign(signing.privateKey);
  const header = { alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: await jose.calculateJwkThumbprint(jwk), cty: "JOSE" };
  return new jose.CompactEncrypt(Buffer.from(signed))
    .setProtectedHeader({ ...header, ...outer })
    .encrypt(await jose.importJWK(jwk, "ECDH-ES+A256KW"));
}

function check(condition: boolean): void {
  if (!condition) throw new Error("invalid");
}
