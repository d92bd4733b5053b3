/** Payloads of pushes: one shape for APNs, FCM and Web Push. */

import { isObject, type JsonObject } from "./json.ts";

/** Content of a push. It is only a notification: fetch the challenge, and show that. */
export interface Push {
  readonly transactionId: string;
  readonly profileId: string;
  /** Public message. It can be truncated, and is "" if the platform has removed it. */
  readonly message: string;
}

/**
 * Parse the payload of a push, as an object or as JSON text. Return undefined for the push of another sender.
 *
 * Accepts the payload of APNs, the data message of FCM, with or without its envelope `data`, and the text of Web Push.
 */
export function parsePush(payload: unknown): Push | undefined {
  const members = asObject(payload);
  if (members === undefined) return undefined;
  const source = findSource(members);
  const [transactionId, profileId] = [source?.og_transaction_id, source?.og_profile_id];
  if (source === undefined || typeof transactionId !== "string" || typeof profileId !== "string") return undefined;
  return { transactionId, profileId, message: messageOf(source, members) };
}

/** Return the object that has the members of Countersign. */
function findSource(members: JsonObject): JsonObject | undefined {
  const data = asObject(members.data);
  return [members, asObject(members.content), asObject(data?.content), data].find(
    (candidate) => candidate?.og_transaction_id !== undefined,
  );
}

function messageOf(source: JsonObject, payload: JsonObject): string {
  if (typeof source.og_message === "string") return source.og_message;
  const alert = asObject(payload.aps)?.alert;
  if (typeof alert === "string") return alert;
  const body = asObject(alert)?.body;
  return typeof body === "string" ? body : "";
}

function asObject(value: unknown): JsonObject | undefined {
  let parsed = value;
  if (typeof value === "string") {
    try {
      parsed = JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  return isObject(parsed) ? parsed : undefined;
}
