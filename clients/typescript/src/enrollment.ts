/** Enrolment of users, state of their profiles, push tokens. */

import type { Context } from "./context.ts";
import { changeProfile } from "./context.ts";
import { InvalidDeviceToken, InvalidProfile, InvalidRequest, isFinal, UnexpectedResponse } from "./errors.ts";
import { readResponse } from "./http.ts";
import { boolean, InvalidMember, integer, list, object, optional, text, type JsonObject } from "./json.ts";
import { parseKeySet, thumbprint, toKeySet, type PublicKeys } from "./keys.ts";
import { randomText } from "./encoding.ts";
import type { Authenticator } from "./profile.ts";
import {
  removeProfile,
  removeToken,
  type EnrollmentRequest,
  type StoredEnrollment,
  type StoredProfile,
  type StoredState,
} from "./state.ts";

const PATH = "/device/v1/enrollments";

export type AuthenticatorStatus = Authenticator & {
  /** The application has enabled this authenticator. */
  readonly allowed: boolean;
  /** The server has a token of this authenticator. */
  readonly registered: boolean;
};

/** State of a profile on the server. */
export interface ProfileStatus {
  readonly profileId: string;
  readonly applicationId: string;
  readonly versionStatus: string;
  readonly pushEnrolled: boolean;
  /** Where the requests go: to this profile, to another device of the user, or to none. */
  readonly requests: "received" | "other_device" | "off";
  /** Support staff must unlock the user before this profile can approve. */
  readonly locked: boolean;
  /** Consecutive wrong PINs. */
  readonly usedPinAttempts: number;
  /** 0: no limit. */
  readonly maxPinAttempts: number;
  readonly authenticators: readonly AuthenticatorStatus[];
}

/** Enrol a user, or resume an interrupted enrolment with the same code. Return the new profile. */
export async function enroll(context: Context, request: EnrollmentRequest): Promise<StoredProfile> {
  const enrollment = await begin(context, request);
  const publicKeys = await context.keyStore.generate(enrollment.keyId);
  let response: JsonObject;
  try {
    response = await send(context, request, publicKeys);
  } catch (error) {
    // Otherwise it is sent again later: the request may not have arrived.
    if (isFinal(error)) await cancel(context, enrollment);
    throw error;
  }
  return finish(context, enrollment, publicKeys, response);
}

/** Store the request, so that an interruption leaves no unknown keys. Other interrupted enrolments are cancelled. */
async function begin(context: Context, request: EnrollmentRequest): Promise<StoredEnrollment> {
  const enrollment = await context.state.update((state) => {
    const isSame = ({ request: { code, applicationId } }: StoredEnrollment): boolean =>
      code === request.code && applicationId === request.applicationId;
    const earlier = state.enrollments.find(isSame);
    state.unusedKeys.push(...state.enrollments.filter((each) => each !== earlier).map(({ keyId }) => keyId));
    const keyId = earlier?.keyId ?? randomText(16);
    const stored = { keyId, request, startedAt: context.clock.deviceTime() };
    state.enrollments = [stored];
    return stored;
  });
  await context.deleteUnused();
  return enrollment;
}

async function send(context: Context, request: EnrollmentRequest, publicKeys: PublicKeys): Promise<JsonObject> {
  const { deviceToken } = await context.state.read();
  const call = { method: "POST", path: PATH, body: toBody(request, publicKeys) } as const;
  try {
    return await context.http.callWithRetries({ ...call, deviceToken });
  } catch (error) {
    if (!(error instanceof InvalidDeviceToken) || deviceToken === undefined) throw error;
    await context.forgetDevice(deviceToken);
    return context.http.callWithRetries(call);
  }
}

function toBody(request: EnrollmentRequest, publicKeys: PublicKeys): JsonObject {
  return {
    enrollment_code: request.code,
    public_keys: toKeySet(publicKeys),
    application_id: request.applicationId,
    platform: request.platform,
    app_version: request.appVersion,
    device_name: request.deviceName,
    ...(request.deviceModel === undefined ? {} : { device_model: request.deviceModel }),
    ...(request.osVersion === undefined ? {} : { os_version: request.osVersion }),
  };
}

async function cancel(context: Context, { keyId }: StoredEnrollment): Promise<void> {
  await context.state.update((state) => {
    state.enrollments = state.enrollments.filter((each) => each.keyId !== keyId);
    state.unusedKeys.push(keyId);
  });
  await context.deleteUnused();
}

/** Store the new profile in one step. The keys that it replaces are deleted afterwards. */
async function finish(
  context: Context,
  { keyId, request }: StoredEnrollment,
  publicKeys: PublicKeys,
  response: JsonObject,
): Promise<StoredProfile> {
  const members = readResponse(() => ({
    deviceId: text(response, "device_id"),
    profileId: text(response, "profile_id"),
    deviceToken: optional(text, response, "device_token"),
    keySet: object(response, "server_public_keys"),
  }));
  const profile: StoredProfile = {
    profileId: members.profileId,
    applicationId: request.applicationId,
    keyId,
    signingKid: await thumbprint(publicKeys.signing),
    encryptionKid: await thumbprint(publicKeys.encryption),
    server: await readKeySet(members.keySet),
    tokens: {},
  };
  await context.state.update((state) => {
    storeProfile(state, profile);
    state.deviceId = members.deviceId;
    if (members.deviceToken !== undefined) state.deviceToken = members.deviceToken;
    if (state.deviceToken === undefined) throw new UnexpectedResponse(201, "device_token is missing");
  });
  await context.deleteUnused();
  return profile;
}

function storeProfile(state: StoredState, profile: StoredProfile): void {
  if (!state.enrollments.some(({ keyId }) => keyId === profile.keyId)) {
    throw new UnexpectedResponse(201, "another enrolment has cancelled this one: request a new code");
  }
  state.enrollments = state.enrollments.filter(({ keyId }) => keyId !== profile.keyId);
  const replaced = state.profiles.find(({ profileId }) => profileId === profile.profileId);
  if (replaced !== undefined) removeProfile(state, replaced);
  state.profiles.push(profile);
}

async function readKeySet(keySet: JsonObject): Promise<PublicKeys> {
  try {
    return await parseKeySet(keySet);
  } catch (error) {
    throw new UnexpectedResponse(201, `the keys of the server are invalid: ${String(error)}`);
  }
}

/** Remove a user from this device. Succeeds if the server has removed the profile already. */
export async function unenroll(context: Context, profile: StoredProfile): Promise<void> {
  try {
    await context.callWithRetries({ method: "DELETE", path: `${PATH}/${profile.profileId}` }, profile);
  } catch (error) {
    if (!(error instanceof InvalidProfile) && !(error instanceof InvalidDeviceToken)) throw error;
  }
  await context.forgetProfiles([profile]);
}

/**
 * Return the state of all profiles, and apply it: profiles whose keys were removed are deleted, and returned as
 * `removed`, as are the tokens of authenticators that the server does not have.
 */
export async function listEnrollments(context: Context): Promise<{ profiles: ProfileStatus[]; removed: string[] }> {
  const before = (await context.state.read()).profiles;
  const response = await context.callWithRetries({ method: "GET", path: PATH });
  const profiles = readResponse(() => list(response, "profiles").map(parseStatus));
  const removed = before.filter((profile) => !profiles.some(({ profileId }) => profileId === profile.profileId));
  await context.forgetProfiles(removed);
  await context.state.update((state) => {
    for (const profile of before) {
      const status = profiles.find(({ profileId }) => profileId === profile.profileId);
      if (status === undefined) continue;
      changeProfile(state, profile, (stored) => {
        applyStatus(state, stored, profile, status);
      });
    }
  });
  await context.deleteUnused();
  return { profiles, removed: removed.map(({ profileId }) => profileId) };
}

function parseStatus(members: JsonObject): ProfileStatus {
  return {
    profileId: text(members, "profile_id"),
    applicationId: text(members, "application_id"),
    versionStatus: text(members, "version_status"),
    pushEnrolled: boolean(members, "push_enrolled"),
    requests: parseRequests(members),
    locked: boolean(members, "locked"),
    usedPinAttempts: integer(members, "used_pin_attempts"),
    maxPinAttempts: integer(members, "max_pin_attempts"),
    authenticators: list(members, "authenticators").map(parseAuthenticator),
  };
}

function parseRequests(members: JsonObject): ProfileStatus["requests"] {
  // A server of an earlier version does not say it.
  const requests = members.requests === undefined ? "received" : text(members, "requests");
  if (requests === "received" || requests === "other_device" || requests === "off") return requests;
  throw new InvalidMember("the delivery of the requests is unknown");
}

function parseAuthenticator(members: JsonObject): AuthenticatorStatus {
  const state = { allowed: boolean(members, "allowed"), registered: boolean(members, "registered") };
  const type = text(members, "type");
  if (type === "custom") return { type, id: text(members, "authenticator_id"), ...state };
  if (type === "pin" || type === "fingerprint") return { type, ...state };
  throw new InvalidMember("the type of an authenticator is unknown");
}

/** Apply the server's state to a stored profile, except to what has changed since the request. */
function applyStatus(state: StoredState, stored: StoredProfile, before: StoredProfile, status: ProfileStatus): void {
  if (!status.pushEnrolled && stored.pushToken === before.pushToken) removePushToken(stored, status);
  for (const authenticator of status.authenticators) {
    if (authenticator.type === "pin") applyPin(stored, before, authenticator.registered);
    else if (!authenticator.registered) {
      const name = authenticator.type === "custom" ? `custom:${authenticator.id}` : authenticator.type;
      if (stored.tokens[name] === before.tokens[name]) removeToken(state, stored, name);
    }
  }
}

function removePushToken(stored: StoredProfile, { requests }: ProfileStatus): void {
  const isRevoked = requests === "off" && stored.pushToken !== undefined;
  if (isRevoked || requests === "other_device") stored.isPushOff = true;
  delete stored.pushToken;
}

/** A PIN that the server does not have can be registered again. One that only the server has requires an enrolment. */
function applyPin(stored: StoredProfile, before: StoredProfile, isRegistered: boolean): void {
  if (stored.pin?.salt !== before.pin?.salt) return;
  if (!isRegistered) {
    delete stored.pin;
    delete stored.pinUnconfirmed;
  } else if (stored.pin === undefined) {
    stored.pinUnconfirmed = true;
  }
}

/**
 * Store the push token of the app, and send it for all profiles that the server does not have it for.
 *
 * All profiles are tried; then the first error is thrown. `mayEnroll` is false for profiles that get no push token.
 */
export async function setPushToken(
  context: Context,
  pushToken: string,
  mayEnroll: (profile: StoredProfile) => boolean = () => true,
): Promise<void> {
  const { profiles } = await context.state.update((state) => {
    state.pushToken = pushToken;
    return state;
  });
  const outdated = profiles.filter((profile) => profile.pushToken !== pushToken);
  const replaced = new Set(outdated.flatMap((profile) => profile.pushToken ?? []));
  const errors: unknown[] = [];
  for (const old of replaced) await collect(errors, () => replacePushToken(context, old, pushToken));
  const { profiles: remaining } = await context.state.read();
  for (const profile of remaining.filter((each) => each.pushToken === undefined && mayEnroll(each))) {
    await collect(errors, () => enrollPush(context, profile, pushToken));
  }
  if (errors.length > 0) throw errors[0];
}

async function collect(errors: unknown[], run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    errors.push(error);
  }
}

/** Replace a push token of all profiles. If the server does not know the old one, each profile is enrolled instead. */
async function replacePushToken(context: Context, old: string, pushToken: string): Promise<void> {
  const body = { old_push_token: old, push_token: pushToken };
  let isReplaced = true;
  try {
    await context.callWithRetries({ method: "PUT", path: "/device/v1/push-token", body });
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    isReplaced = false;
  }
  await context.state.update((state) => {
    for (const profile of state.profiles.filter((each) => each.pushToken === old)) {
      if (isReplaced) profile.pushToken = pushToken;
      else delete profile.pushToken;
    }
  });
}

async function enrollPush(context: Context, profile: StoredProfile, pushToken: string): Promise<void> {
  const path = `${PATH}/${profile.profileId}/push`;
  await context.callWithRetries({ method: "PUT", path, body: { push_token: pushToken } }, profile);
  await context.state.update((state) => {
    changeProfile(state, profile, (stored) => {
      stored.pushToken = pushToken;
      delete stored.isPushOff;
    });
  });
}
