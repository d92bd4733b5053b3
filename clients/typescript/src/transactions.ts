/** Pending transactions, their challenges, and the answers. */

import { pinToken } from "./authenticators.ts";
import type { Context } from "./context.ts";
import { changeProfile } from "./context.ts";
import { encodeUtf8, toBase64 } from "./encoding.ts";
import {
  AuthenticatorRevoked,
  InvalidApproval,
  InvalidServerMessage,
  InvalidTransaction,
  isFinal,
  NotRegistered,
  UnexpectedResponse,
} from "./errors.ts";
import { readResponse } from "./http.ts";
import { boolean, digits, InvalidMember, integer, list, object, optional, text, type JsonObject } from "./json.ts";
import { parseOtp } from "./links.ts";
import { toRawSignature } from "./signatures.ts";
import { removeToken, type StoredAnswer, type StoredProfile, type StoredState } from "./state.ts";

export const PATH = "/device/v1/transactions";

/** Pending transaction of the list, with its public message. */
export interface PendingTransaction {
  readonly transactionId: string;
  readonly profileId: string;
  readonly message: string;
  /** Start of the transaction, in ms since the epoch by the server's clock. */
  readonly timestamp: number;
  /** Total lifetime in seconds. */
  readonly timeToLive: number;
}

/** Content of a transaction, signed by the server. Show it to the user, completely. */
export interface Challenge extends PendingTransaction {
  readonly token: string;
  readonly type: {
    readonly name: string;
    /** `push`, `push_with_pin`, `push_with_fingerprint`, `push_with_custom_authenticator` or `otp`. */
    readonly method: string;
    readonly transactionSigning: boolean;
    /** True if the user enters a code at the portal: call `fetchCode`, and offer no approval. */
    readonly codeToPhone: boolean;
  };
  /** Present if an approval must be signed. */
  readonly signingData?: string;
  /** Present if the user must enter the number that the portal displays, with this number of digits. */
  readonly numberMatchingDigits?: number;
  /** Code that the user must enter at the portal. Only present if the method requires no credential. */
  readonly code?: string;
}

/** Credential of an approval or of the request of a code. A push or one-time password needs none. */
export type Credential =
  | { readonly pin?: string; readonly fingerprint?: never; readonly custom?: never }
  | { readonly fingerprint: true; readonly pin?: never; readonly custom?: never }
  | { readonly custom: string; readonly pin?: never; readonly fingerprint?: never };

/** Credential of an approval, and the number of the portal. */
export type Approval = { readonly number?: string } & Credential;

export type AnswerStatus = "authenticated" | "not_authenticated";

/** List the pending transactions of all profiles, oldest first. */
export async function listTransactions(context: Context): Promise<PendingTransaction[]> {
  const response = await context.callWithRetries({ method: "GET", path: PATH });
  return readResponse(() => list(response, "transactions").map((members) => parsePending(members)));
}

function parsePending(members: JsonObject, profileId = text(members, "profile_id")): PendingTransaction {
  return {
    transactionId: text(members, "transaction_id"),
    profileId,
    message: text(members, "message"),
    timestamp: integer(members, "timestamp"),
    timeToLive: integer(members, "time_to_live"),
  };
}

/** Fetch and open the challenge of a transaction. */
export async function fetchChallenge(
  context: Context,
  profile: StoredProfile,
  transactionId: string,
): Promise<Challenge> {
  const path = `${PATH}/${encodeURIComponent(transactionId)}/fetch`;
  const challenge = await requestChallenge(context, profile, path, { profile_id: profile.profileId });
  if (challenge.transactionId !== transactionId) throw new InvalidServerMessage("the challenge of another transaction");
  return challenge;
}

/** Bind a scanned one-time password to a profile, and open its challenge. */
export async function claimOtp(context: Context, profile: StoredProfile, scanned: string): Promise<Challenge> {
  const body = { profile_id: profile.profileId, otp: scanned };
  const challenge = await requestChallenge(context, profile, "/device/v1/otp", body);
  const expected = parseOtp(scanned)?.transactionId;
  if (challenge.transactionId !== expected) throw new InvalidServerMessage("the challenge of another transaction");
  return challenge;
}

async function requestChallenge(
  context: Context,
  profile: StoredProfile,
  path: string,
  body: JsonObject,
): Promise<Challenge> {
  const response = await context.callWithRetries({ method: "POST", path, body }, profile);
  const message = readResponse(() => text(response, "message"));
  const members = await context.open(message, "countersign-challenge", profile);
  try {
    return parseChallenge(members, profile.profileId);
  } catch (error) {
    throw new InvalidServerMessage("the challenge is invalid", { cause: error });
  }
}

function parseChallenge(members: JsonObject, profileId: string): Challenge {
  const type = object(members, "type");
  const signingData = optional(text, members, "signing_data");
  const numberMatchingDigits = optional(integer, members, "number_matching_digits");
  const code = optional(digits, members, "code");
  const transactionSigning = boolean(type, "transaction_signing");
  const codeToPhone = optional(boolean, type, "code_to_phone") ?? false;
  if (transactionSigning && signingData === undefined) throw new InvalidMember("signing_data is missing");
  return {
    ...parsePending(members, profileId),
    token: text(members, "token"),
    type: { name: text(type, "name"), method: text(type, "method"), transactionSigning, codeToPhone },
    ...(signingData === undefined ? {} : { signingData }),
    ...(numberMatchingDigits === undefined ? {} : { numberMatchingDigits }),
    ...(code === undefined ? {} : { code }),
  };
}

/**
 * Approve a transaction.
 *
 * If the response to an earlier approval is missing, that one is sent again instead: a second approval could be counted
 * as a second attempt. An earlier denial does not prevent an approval.
 */
export async function approve(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  approval: Approval,
): Promise<AnswerStatus> {
  validateApproval(challenge, approval);
  const earlier = await findAnswers(context, challenge.transactionId);
  if (earlier.at(-1)?.approve !== true) await storeApproval(context, profile, challenge, approval);
  return sendAnswers(context, challenge.transactionId, expiry(challenge));
}

/** Throw InvalidApproval if the server would end the transaction, because a number or code has no second attempt. */
function validateApproval({ type, code, numberMatchingDigits }: Challenge, { number = "" }: Approval): void {
  if (code !== undefined || type.codeToPhone) {
    throw new InvalidApproval("the user must enter the code of this transaction at the portal");
  }
  const digitsMissing = !/^[0-9]+$/.test(number) || number.length !== numberMatchingDigits;
  if (numberMatchingDigits !== undefined && digitsMissing) {
    throw new InvalidApproval(`the number must have ${numberMatchingDigits} digits`);
  }
}

/** Deny a transaction, even if an approval was sent whose response is missing. `fraud` reports a fraudulent request. */
export async function deny(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  fraud: boolean,
): Promise<AnswerStatus> {
  const content = {
    transaction_id: challenge.transactionId,
    token: challenge.token,
    authenticated: false,
    ...(fraud ? { fraud } : {}),
  };
  await storeAnswer(context, profile, content, {});
  return sendAnswers(context, challenge.transactionId, expiry(challenge));
}

export const expiry = ({ timestamp, timeToLive }: PendingTransaction): number => timestamp + 1000 * timeToLive;

async function storeApproval(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  approval: Approval,
): Promise<void> {
  const { credential, ...source } = await readCredential(context, profile, approval);
  const content = {
    transaction_id: challenge.transactionId,
    token: challenge.token,
    authenticated: true,
    ...(credential === undefined ? {} : { credential }),
    ...(approval.number === undefined ? {} : { number: approval.number }),
    ...(challenge.type.transactionSigning
      ? { signature: await sign(context, profile, challenge.signingData ?? "") }
      : {}),
  };
  await storeAnswer(context, profile, content, source);
}

export async function readCredential(
  context: Context,
  profile: StoredProfile,
  approval: Credential,
): Promise<{ credential?: JsonObject; authenticator?: string; tokenId?: string }> {
  if (approval.pin !== undefined) {
    const token = await pinToken(context, profile, approval.pin);
    return { credential: { type: "pin", token }, authenticator: "pin" };
  }
  if (approval.fingerprint === undefined && approval.custom === undefined) return {};
  const authenticator = approval.custom === undefined ? "fingerprint" : `custom:${approval.custom}`;
  const tokenId = profile.tokens[authenticator];
  if (tokenId === undefined) throw new NotRegistered("this authenticator is not registered");
  const token = await context.tokenStore.unlock(tokenId);
  const members =
    approval.custom === undefined ? { type: authenticator } : { type: "custom", authenticator_id: approval.custom };
  return { credential: { ...members, token }, authenticator, tokenId };
}

/** Sign the UTF-8 bytes of signing data with ES256: the 64 raw bytes in base64. */
async function sign(context: Context, profile: StoredProfile, signingData: string): Promise<string> {
  return toBase64(toRawSignature(await context.keyStore.sign(profile.keyId, encodeUtf8(signingData))));
}

async function storeAnswer(
  context: Context,
  profile: StoredProfile,
  content: JsonObject & { transaction_id: string; authenticated: boolean },
  source: { authenticator?: string; tokenId?: string },
): Promise<void> {
  const message = await context.seal(content, "countersign-answer", profile);
  await context.state.update((state) => {
    state.answers.push({
      transactionId: content.transaction_id,
      profileId: profile.profileId,
      keyId: profile.keyId,
      approve: content.authenticated,
      message,
      ...source,
    });
  });
}

async function findAnswers(context: Context, transactionId: string): Promise<StoredAnswer[]> {
  return (await context.state.read()).answers.filter((answer) => answer.transactionId === transactionId);
}

/**
 * Send the stored answers of a transaction, always as the same bytes, until one has a response.
 *
 * The newest is sent first, because it is the user's last decision. If the transaction has already ended, the answer
 * before it gets its response again. Answers without a response stay stored. `until` is the server's time in ms.
 */
export async function sendAnswers(context: Context, transactionId: string, until?: number): Promise<AnswerStatus> {
  for (;;) {
    const answers = await findAnswers(context, transactionId);
    const answer = answers.at(-1);
    if (answer === undefined) throw new NotRegistered("no answer of this transaction is stored");
    try {
      const status = await sendAnswer(context, answer, until);
      await removeAnswers(context, answers, status === "authenticated" ? answer : undefined);
      return status;
    } catch (error) {
      if (!isFinal(error)) throw error;
      const tryNext = error instanceof InvalidTransaction && answers.length > 1;
      await removeAnswers(context, tryNext ? [answer] : answers, undefined, error);
      if (!tryNext) throw error;
    }
  }
}

async function sendAnswer(
  context: Context,
  { transactionId, message, ...answer }: StoredAnswer,
  until: number | undefined,
): Promise<AnswerStatus> {
  const profile = (await context.state.read()).profiles.find(({ keyId }) => keyId === answer.keyId);
  const path = `${PATH}/${encodeURIComponent(transactionId)}/answer`;
  const call = { method: "POST", path, body: { message } } as const;
  const response = await context.callWithRetries(call, profile, until === undefined ? {} : { until });
  const status = readResponse(() => text(response, "status"));
  if (status === "authenticated" || status === "not_authenticated") return status;
  throw new UnexpectedResponse(200, "the status of the answer is unknown");
}

/** Remove answers that have a response, and apply its consequences in the same step. */
async function removeAnswers(
  context: Context,
  answers: StoredAnswer[],
  approved: StoredAnswer | undefined,
  error?: unknown,
): Promise<void> {
  const messages = new Set(answers.map(({ message }) => message));
  await context.state.update((state) => {
    state.answers = state.answers.filter(({ message }) => !messages.has(message));
    const source = approved ?? answers.at(-1);
    if (source !== undefined) applyOutcome(state, source, approved !== undefined, error);
  });
  await context.deleteUnused();
}

/** Name and id of the token that a message used, and the keys of its profile. */
type CredentialSource = Pick<StoredAnswer, "keyId" | "authenticator" | "tokenId">;

/** Apply the response to a credential to the stored profile: a PIN that is valid, a token that is revoked. */
export function applyOutcome(state: StoredState, source: CredentialSource, accepted: boolean, error?: unknown): void {
  const { authenticator, tokenId } = source;
  if (accepted && authenticator === "pin") {
    // The stored PIN is valid: a registration without a response did not replace it.
    changeProfile(state, source, (profile) => {
      delete profile.pinUnconfirmed;
    });
  }
  if (authenticator === undefined || !(error instanceof AuthenticatorRevoked)) return;
  changeProfile(state, source, (profile) => {
    if (profile.tokens[authenticator] === tokenId) removeToken(state, profile, authenticator);
  });
}
