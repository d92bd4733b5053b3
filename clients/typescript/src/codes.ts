/** Codes that the user enters at the portal, instead of an approval on the device. */

import type { Context } from "./context.ts";
import { InvalidApproval, InvalidServerMessage, isFinal } from "./errors.ts";
import { readResponse } from "./http.ts";
import { digits, text } from "./json.ts";
import type { StoredCodeRequest, StoredProfile } from "./state.ts";
import { applyOutcome, expiry, PATH, readCredential, type Challenge, type Credential } from "./transactions.ts";

/**
 * Return the code of a challenge. The sealed request is stored before it is sent.
 *
 * If the response to an earlier request is missing, that one is sent again instead, always as the same bytes: another
 * request could be counted as a second wrong PIN.
 */
export async function fetchCode(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  credential: Credential,
): Promise<string> {
  if (challenge.code !== undefined) return challenge.code;
  if (!challenge.type.codeToPhone) throw new InvalidApproval("the user must approve this transaction on the device");
  const request =
    (await findRequest(context, profile, challenge)) ?? (await storeRequest(context, profile, challenge, credential));
  try {
    const code = await sendRequest(context, profile, challenge, request);
    await removeRequest(context, request, true);
    return code;
  } catch (error) {
    if (isFinal(error)) await removeRequest(context, request, false, error);
    throw error;
  }
}

async function findRequest(
  context: Context,
  { keyId }: StoredProfile,
  { transactionId }: Challenge,
): Promise<StoredCodeRequest | undefined> {
  const { codeRequests } = await context.state.read();
  return codeRequests.find((each) => each.transactionId === transactionId && each.keyId === keyId);
}

async function storeRequest(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  presented: Credential,
): Promise<StoredCodeRequest> {
  const { credential, ...source } = await readCredential(context, profile, presented);
  const content = {
    transaction_id: challenge.transactionId,
    token: challenge.token,
    ...(credential === undefined ? {} : { credential }),
  };
  const message = await context.seal(content, "countersign-answer", profile);
  const { transactionId } = challenge;
  const request = { transactionId, keyId: profile.keyId, message, until: expiry(challenge), ...source };
  await context.state.update((state) => {
    state.codeRequests.push(request);
  });
  return request;
}

async function sendRequest(
  context: Context,
  profile: StoredProfile,
  challenge: Challenge,
  { message, transactionId }: StoredCodeRequest,
): Promise<string> {
  const path = `${PATH}/${encodeURIComponent(transactionId)}/code`;
  const call = { method: "POST", path, body: { message } } as const;
  const response = await context.callWithRetries(call, profile, { until: expiry(challenge) });
  const sealed = readResponse(() => text(response, "message"));
  const members = await context.open(sealed, "countersign-token", profile);
  try {
    return digits(members, "code");
  } catch (error) {
    throw new InvalidServerMessage("the code is invalid", { cause: error });
  }
}

/** Remove a request that has a response, and apply its consequences in the same step. */
async function removeRequest(
  context: Context,
  request: StoredCodeRequest,
  accepted: boolean,
  error?: unknown,
): Promise<void> {
  await context.state.update((state) => {
    state.codeRequests = state.codeRequests.filter(({ message }) => message !== request.message);
    applyOutcome(state, request, accepted, error);
  });
  await context.deleteUnused();
}

/** Remove the requests of expired transactions. */
export async function removeExpiredRequests(context: Context): Promise<void> {
  const { codeRequests } = await context.state.read();
  if (codeRequests.length === 0) return;
  const now = await context.clock.serverTime();
  await context.state.update((state) => {
    state.codeRequests = state.codeRequests.filter(({ until }) => until > now);
  });
}
