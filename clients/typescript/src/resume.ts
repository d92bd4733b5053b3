/** Calls that ended without a response. */

import { removeExpiredRequests } from "./codes.ts";
import type { Context } from "./context.ts";
import { enroll, setPushToken } from "./enrollment.ts";
import { DeviceError, NetworkError } from "./errors.ts";
import type { Lock } from "./mutex.ts";
import { toProfile, type Profile } from "./profile.ts";
import type { StoredEnrollment, StoredState } from "./state.ts";
import { sendAnswers, type AnswerStatus } from "./transactions.ts";

/** Name of the lock of calls that change enrolments. Those of answers are the ids of their transactions. */
export const ENROLLMENTS = "enrollments";

/** Outcome of an interrupted call. Without `error`, it has succeeded. With a NetworkError, it is still stored. */
export type Resumed =
  | {
      readonly kind: "enrollment";
      readonly applicationId: string;
      readonly profile?: Profile;
      readonly error?: DeviceError;
    }
  | { readonly kind: "push"; readonly error?: DeviceError }
  | {
      readonly kind: "answer";
      readonly transactionId: string;
      readonly profileId: string;
      readonly status?: AnswerStatus;
      readonly error?: DeviceError;
    };

/** Finish the stored calls. Without a network, the first one ends with a NetworkError, and the others stay stored. */
export async function resume(context: Context, lock: Lock): Promise<Resumed[]> {
  await lock(ENROLLMENTS, async () => {
    await context.abandonInterrupted();
    await context.deleteUnused();
    await removeExpiredRequests(context);
  });
  const { answers, enrollments } = await context.state.read();
  const calls = [
    ...new Set(answers.map(({ transactionId }) => transactionId)),
  ].map((transactionId) => () => lock(transactionId, () => resumeAnswer(context, transactionId)));
  const enrolling = enrollments.map((each) => () => lock(ENROLLMENTS, () => resumeEnrollment(context, each)));
  const pushing = () => lock(ENROLLMENTS, () => resumePush(context));
  const resumed: Resumed[] = [];
  for (const call of [...calls, ...enrolling, pushing]) {
    const outcome = await call();
    if (outcome !== undefined) resumed.push(outcome);
    if (outcome?.error instanceof NetworkError) break;
  }
  return resumed;
}

// Another call can have finished an interrupted one before these functions have the lock.

async function resumeAnswer(context: Context, transactionId: string): Promise<Resumed | undefined> {
  const { answers } = await context.state.read();
  const answer = answers.find((each) => each.transactionId === transactionId);
  if (answer === undefined) return undefined;
  const outcome = await outcomeOf(async () => ({ status: await sendAnswers(context, transactionId) }));
  return { kind: "answer", transactionId, profileId: answer.profileId, ...outcome };
}

async function resumeEnrollment(context: Context, { keyId, request }: StoredEnrollment): Promise<Resumed | undefined> {
  const { enrollments } = await context.state.read();
  if (!enrollments.some((each) => each.keyId === keyId)) return undefined;
  const outcome = await outcomeOf(async () => ({ profile: toProfile(await enroll(context, request)) }));
  return { kind: "enrollment", applicationId: request.applicationId, ...outcome };
}

async function resumePush(context: Context): Promise<Resumed | undefined> {
  const { pushToken, profiles }: StoredState = await context.state.read();
  if (pushToken === undefined) return undefined;
  if (profiles.every((profile) => profile.pushToken === pushToken || profile.isPushOff)) {
    return undefined;
  }
  const outcome = await outcomeOf(async () => {
    await setPushToken(context, pushToken, ({ isPushOff }) => isPushOff !== true);
    return {};
  });
  return { kind: "push", ...outcome };
}

async function outcomeOf<T extends object>(run: () => Promise<T>): Promise<T | { error: DeviceError }> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof DeviceError) return { error };
    throw error;
  }
}
