/** Registration of PIN, fingerprint and custom authenticators. */

import type { Context } from "./context.ts";
import { changeProfile } from "./context.ts";
import { randomText } from "./encoding.ts";
import {
  InvalidMessage,
  InvalidServerMessage,
  isFinal,
  NetworkError,
  NotRegistered,
  RegistrationLost,
  ServerUnavailable,
  UnexpectedResponse,
} from "./errors.ts";
import { readResponse } from "./http.ts";
import { text, type JsonObject } from "./json.ts";
import { PinLock, unlockToken, type LockedToken } from "./pin.ts";
import { removeToken, type AuthenticatorName, type StoredProfile } from "./state.ts";

/** Return the PIN token that a PIN unlocks. Throws NotRegistered if the profile has no PIN. */
export async function pinToken(context: Context, profile: StoredProfile, pin: string): Promise<string> {
  if (profile.pin === undefined) throw new NotRegistered("no PIN is registered");
  return unlockToken(profile.pin, pin, context.scrypt);
}

/**
 * Register a PIN, or replace it.
 *
 * The profile is marked before the request. Without a response, the device cannot know which token is valid: the mark
 * stays until the user enrols again, the old PIN approves, or the server reports that no PIN is registered.
 */
export async function registerPin(
  context: Context,
  profile: StoredProfile,
  pin: string,
  currentPin: string | undefined,
): Promise<void> {
  // scrypt takes a second on a slow device: it runs before the request, and the response is stored at once.
  const lock = await PinLock.prepare(pin, context.scrypt);
  const current = currentPin === undefined ? undefined : await pinToken(context, profile, currentPin);
  const wasUnconfirmed = profile.pinUnconfirmed === true;
  await setUnconfirmed(context, profile, true);
  const progress = { isRepeated: false };
  let token: string;
  try {
    token = await register(context, profile, { type: "pin" }, current, progress);
  } catch (error) {
    if (isLost(error)) throw new RegistrationLost("the response was lost: enrol the user again", { cause: error });
    // The first `invalid_message` can mean that the network has sent the request twice, and that it has succeeded.
    if (isFinal(error) && !progress.isRepeated) await setUnconfirmed(context, profile, wasUnconfirmed);
    throw error;
  }
  const locked = lockPin(lock, token);
  await context.state.update((state) => {
    changeProfile(state, profile, (stored) => {
      stored.pin = locked;
      delete stored.pinUnconfirmed;
    });
  });
}

function lockPin(lock: PinLock, token: string): LockedToken {
  try {
    return lock.lock(token);
  } catch (error) {
    throw new InvalidServerMessage("the token of the server is invalid", { cause: error });
  }
}

/** Return true if the server may have processed a registration whose token the device does not have. */
function isLost(error: unknown): boolean {
  return (
    error instanceof NetworkError ||
    error instanceof UnexpectedResponse ||
    error instanceof InvalidServerMessage ||
    (error instanceof ServerUnavailable && error.status === 500)
  );
}

async function setUnconfirmed(context: Context, profile: StoredProfile, isUnconfirmed: boolean): Promise<void> {
  await context.state.update((state) => {
    changeProfile(state, profile, (stored) => {
      if (isUnconfirmed) stored.pinUnconfirmed = true;
      else delete stored.pinUnconfirmed;
    });
  });
}

/** Register a fingerprint or custom authenticator. After a NetworkError, it can be registered again. */
export async function registerToken(
  context: Context,
  profile: StoredProfile,
  name: AuthenticatorName,
  pin: string,
): Promise<void> {
  const { tokenStore } = context;
  const tokenId = `${profile.keyId}/${randomText(12)}/${name}`;
  const current = await pinToken(context, profile, pin);
  const members =
    name === "fingerprint" ? { type: name } : { type: "custom", authenticator_id: name.slice("custom:".length) };
  await context.state.update((state) => {
    state.registrations.push({ tokenId, startedAt: context.clock.deviceTime() });
  });
  let isSaved = false;
  try {
    await tokenStore.save(tokenId, await register(context, profile, members, current));
    isSaved = true;
  } finally {
    await context.state.update((state) => {
      state.registrations = state.registrations.filter((each) => each.tokenId !== tokenId);
      const stored = isSaved ? state.profiles.find(({ keyId }) => keyId === profile.keyId) : undefined;
      if (stored === undefined) {
        state.unusedTokens.push(tokenId);
      } else {
        removeToken(state, stored, name);
        stored.tokens[name] = tokenId;
      }
    });
  }
  await context.deleteUnused();
}

/**
 * Send a registration and return the token of its response. The same bytes are never sent again.
 *
 * After `invalid_message`, which is not counted, the clock of the device may have changed: one retry with a new nonce
 * uses the time of that response. `progress` reports it.
 */
async function register(
  context: Context,
  profile: StoredProfile,
  members: JsonObject,
  currentToken: string | undefined,
  progress = { isRepeated: false },
): Promise<string> {
  const path = `/device/v1/enrollments/${profile.profileId}/authenticators`;
  const send = async (): Promise<JsonObject> => {
    const content = {
      ...members,
      ...(currentToken === undefined ? {} : { pin_token: currentToken }),
      nonce: randomText(18),
      issued_at: await context.clock.serverTime(),
    };
    const message = await context.seal(content, "countersign-registration", profile);
    return context.call({ method: "POST", path, body: { message } }, profile);
  };
  let response: JsonObject;
  try {
    response = await send();
  } catch (error) {
    if (!(error instanceof InvalidMessage)) throw error;
    progress.isRepeated = true;
    response = await send();
  }
  const sealed = readResponse(() => text(response, "message"));
  const opened = await context.open(sealed, "countersign-token", profile);
  if (typeof opened.token !== "string") throw new InvalidServerMessage("the message of the server has no token");
  return opened.token;
}

