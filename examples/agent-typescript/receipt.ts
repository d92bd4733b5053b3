// Verify offline that the owner of an agent has approved and signed the details of an action.
// `node receipt.ts FILE KEY` verifies a file of `agent.ts` with the public key of the owner's device.

import { createPublicKey, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { compactVerify, createLocalJWKSet } from "jose";
import type { JSONWebKeySet } from "jose";

export interface Receipt {
  issuer: string;
  clientId: string;
  details: object[];
  keys: JSONWebKeySet;
  idToken: string;
}

/** The receipt does not prove the approval of the owner. */
export class InvalidReceipt extends Error {}

/** Return the claims of a receipt, which is still valid after the ID token has expired. Throws InvalidReceipt. */
export async function verify(
  receipt: Receipt,
  deviceKey: string,
  issuer: string,
  clientId: string,
): Promise<Record<string, unknown>> {
  const verified = await compactVerify(receipt.idToken, createLocalJWKSet(receipt.keys), { algorithms: ["ES256"] }).catch(
    () => {
      throw new InvalidReceipt("the server has not signed it");
    },
  );
  const claims = JSON.parse(new TextDecoder().decode(verified.payload)) as Record<string, unknown>;
  if (claims.iss !== issuer || claims.aud !== clientId) {
    throw new InvalidReceipt("it is from another server or for another client");
  }
  if (!isDeepStrictEqual(claims.authorization_details, receipt.details)) {
    throw new InvalidReceipt("it is for another action");
  }
  const signature = Buffer.from(String(claims.authorization_details_signature), "base64");
  const key = createPublicKey(deviceKey);
  const hash = key.asymmetricKeyType === "ec" ? "sha256" : null;
  if (!verifySignature(hash, Buffer.from(canonical(receipt.details)), key, signature)) {
    throw new InvalidReceipt("the device of the owner has not signed it");
  }
  return claims;
}

/** Return the canonical JSON of a value (RFC 8785): sorted members, and numbers as JavaScript prints them. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, child]) => `${JSON.stringify(name)}:${canonical(child)}`).join(",")}}`;
}

if (import.meta.main) {
  const [file, key] = process.argv.slice(2) as [string, string];
  const receipt = JSON.parse(readFileSync(file, "utf8")) as Receipt;
  await verify(receipt, readFileSync(key, "utf8"), receipt.issuer, receipt.clientId);
  console.log("The owner approved:", JSON.stringify(receipt.details));
}
