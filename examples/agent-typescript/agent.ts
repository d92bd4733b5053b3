// Agent that asks its owner before it transfers money: `node agent.ts PAYEE AMOUNT` (Node 22.18).
//
// A model would call the tool `transfer`. The tool waits until the owner approves the exact details on the phone,
// verifies the receipt, and stores it. The environment names the server, the client and the owner.

import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as openid from "openid-client";
import { InvalidReceipt, verify } from "./receipt.ts";
import type { Receipt } from "./receipt.ts";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is required`);
  return value;
}

const issuer = setting("COUNTERSIGN_URL");
const clientId = setting("COUNTERSIGN_CLIENT_ID");
const owner = setting("OWNER_USER_ID");
const receipts = setting("RECEIPTS");
// Public key of the owner's device. Store it when you have identified the owner, for example after a first approval.
const deviceKey = readFileSync(join(receipts, "owner.pem"), "utf8");

const configuration = await openid.discovery(
  new URL(issuer),
  clientId,
  undefined,
  openid.ClientSecretPost(setting("COUNTERSIGN_CLIENT_SECRET")),
);

/** Return the receipt of the owner's approval. Throws an error of openid-client if the owner does not approve. */
async function approve(details: object[], message: string): Promise<Receipt> {
  const started = await openid.initiateBackchannelAuthentication(configuration, {
    scope: "openid",
    login_hint: owner,
    binding_message: message,
    authorization_details: JSON.stringify(details),
  });
  const tokens = await openid.pollBackchannelAuthenticationGrant(configuration, started);
  // The keys of the server are replaced from time to time: a receipt is stored with them.
  const keys = (await (await fetch(configuration.serverMetadata().jwks_uri!)).json()) as Receipt["keys"];
  return { issuer, clientId, details, keys, idToken: tokens.id_token! };
}

/** Tool of the agent: transfer money after the approval of the owner. */
async function transfer(payee: string, amount: string): Promise<string> {
  // The reference makes the details unique, so that a receipt is valid for one transfer.
  const reference = randomUUID();
  const details = [{ type: "transfer", payee, amount, reference }];
  const receipt = await approve(details, `The agent wants to transfer ${amount} to ${payee}.`);
  await verify(receipt, deviceKey, issuer, clientId);
  writeFileSync(join(receipts, `${reference}.json`), JSON.stringify(receipt));
  return `Transferred ${amount} to ${payee}.`;
}

try {
  const [payee, amount] = process.argv.slice(2) as [string, string];
  console.log(await transfer(payee, amount));
} catch (error) {
  if (!(error instanceof InvalidReceipt || error instanceof openid.ResponseBodyError)) throw error;
  console.log(`Not transferred: ${error instanceof InvalidReceipt ? error.message : error.error}`);
  process.exitCode = 1;
}
