/** Profiles as an app sees them. */

import type { StoredProfile } from "./state.ts";

/** Authenticator of an application, by its type. */
export type Authenticator = { readonly type: "pin" | "fingerprint" } | { readonly type: "custom"; readonly id: string };

/** Profile of a user on this device. */
export interface Profile {
  readonly profileId: string;
  readonly applicationId: string;
  /** `unconfirmed`: the token of the server is unknown. The old PIN may be valid; otherwise enrol again. */
  readonly pin: "none" | "registered" | "unconfirmed";
  /** Fingerprint and custom authenticators that can be unlocked on this device. */
  readonly authenticators: readonly Authenticator[];
  /** The server has confirmed the push token. */
  readonly pushEnrolled: boolean;
}

export function toProfile({
  profileId,
  applicationId,
  pin,
  pinUnconfirmed,
  tokens,
  pushToken,
}: StoredProfile): Profile {
  return {
    profileId,
    applicationId,
    pin: pinUnconfirmed === true ? "unconfirmed" : pin === undefined ? "none" : "registered",
    authenticators: Object.keys(tokens).map((name) =>
      name === "fingerprint" ? { type: name } : { type: "custom", id: name.slice("custom:".length) },
    ),
    pushEnrolled: pushToken !== undefined,
  };
}
