/** Texts for errors. */

import * as device from "@countersign/device";
import { plural, t, type Key } from "./i18n.ts";
import { FingerprintError } from "./fingerprint.ts";

/** An error whose message is a text for the user. */
export class ShownError extends Error {}

type ErrorClass = abstract new (...values: never[]) => Error;

const TEXTS: readonly (readonly [ErrorClass, Key])[] = [
  [device.NetworkError, "error_network"],
  [device.ServerUnavailable, "error_server"],
  [device.UnexpectedResponse, "error_server"],
  [device.FeatureDisabled, "error_server"],
  [device.InvalidServerMessage, "error_unsafe"],
  [device.RegistrationLost, "pin_lost"],
  [device.Disconnected, "disconnected_text"],
  [device.AuthenticatorRevoked, "authenticator_revoked"],
  [device.VersionNotEnabled, "error_version"],
  [device.EnrollmentDisabled, "enrollment_off"],
  [device.InvalidTransaction, "ended_text"],
  [device.InvalidOtp, "otp_wrong"],
  [device.InvalidEnrollmentCode, "code_wrong"],
  [device.UserAlreadyEnrolled, "device_full"],
  [device.PushTokenInUse, "push_in_use"],
];

/** Return what went wrong and what to do. */
export function describe(error: unknown): string {
  if (error instanceof device.InvalidPin && error.attemptsLeft !== undefined) {
    return plural("attempts", error.attemptsLeft);
  }
  if (error instanceof ShownError) return error.message;
  if (error instanceof FingerprintError) return t(error.key);
  if (error instanceof device.NotEnrolled || error instanceof device.KeysLost) return t("lost");
  const found = TEXTS.find(([type]) => error instanceof type);
  if (found !== undefined) return t(found[1]);
  return t("error_general", { reason: error instanceof Error ? error.name : String(error) });
}
