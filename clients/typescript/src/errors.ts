/** Errors of the library. An app handles the classes that it treats differently, and shows the others as a failure. */

/** Base class of all errors of this library. */
export class DeviceError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** No response arrived: the server may have received the request. `cause` is the error of `fetch`. */
export class NetworkError extends DeviceError {}

/** A response that is not one of the device API, for example the page of a proxy. */
export class UnexpectedResponse extends DeviceError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(`${status}: ${message}`);
    this.status = status;
  }
}

/** A sealed message that the server has not signed for this profile, or with invalid content. Show nothing of it. */
export class InvalidServerMessage extends DeviceError {}

/** A call for a profile, an authenticator or a PIN that this device does not have. */
export class NotRegistered extends DeviceError {}

/** The key store has no keys of this profile, for example because the browser has deleted its data. Enrol again. */
export class KeysLost extends DeviceError {
  constructor(message = "the keys do not exist", options?: ErrorOptions) {
    super(message, options);
  }
}

/** An approval that cannot succeed: its number is missing, or the transaction needs a code instead. Not sent. */
export class InvalidApproval extends DeviceError {}

/** The response to the registration of a PIN was lost: enrol the user again, because the token is unknown. */
export class RegistrationLost extends DeviceError {}

/** Members of an error response. */
export interface ErrorBody {
  readonly error: string;
  readonly errorCode: string;
  readonly description: string;
  readonly usedAttempts: number;
  readonly maxAttempts: number;
}

/** Error response of the server. Evaluate the class, or `status` and `error`. */
export class DeviceApiError extends DeviceError {
  readonly status: number;
  /** Name of the error, for example `invalid_pin`. */
  readonly error: string;
  /** Number of the error as text. Without a number, it is the same as `error`. */
  readonly errorCode: string;
  /** Translated text for people. */
  readonly description: string;
  /** Seconds of the header `Retry-After`, if present. */
  readonly retryAfter: number | undefined;

  constructor(status: number, body: ErrorBody, retryAfter?: number) {
    super(`${status} ${body.error}: ${body.description}`);
    this.status = status;
    this.error = body.error;
    this.errorCode = body.errorCode;
    this.description = body.description;
    this.retryAfter = retryAfter;
  }
}

/** The PIN is wrong, and the attempt is counted. The transaction stays pending. */
export class InvalidPin extends DeviceApiError {
  readonly usedAttempts: number;
  /** Attempt limit; 0: no limit. */
  readonly maxAttempts: number;

  constructor(status: number, body: ErrorBody, retryAfter?: number) {
    super(status, body, retryAfter);
    this.usedAttempts = body.usedAttempts;
    this.maxAttempts = body.maxAttempts;
  }

  /** Number of remaining attempts; undefined: no limit. */
  get attemptsLeft(): number | undefined {
    return this.maxAttempts === 0 ? undefined : Math.max(0, this.maxAttempts - this.usedAttempts);
  }
}

/** The server does not know this device or this profile. The library has deleted its data: offer a new enrolment. */
export class NotEnrolled extends DeviceApiError {}
/** 401: the device token is unknown. The library has deleted the data of all profiles. */
export class InvalidDeviceToken extends NotEnrolled {}
/** 404: the profile is unknown, or its keys were removed. The library has deleted its data. */
export class InvalidProfile extends NotEnrolled {}
/** 410: too many wrong PINs. The library has deleted the data of the profile. */
export class Disconnected extends NotEnrolled {}

/** 403: the token of the fingerprint or custom authenticator was wrong. The library has deleted it: request the PIN. */
export class AuthenticatorRevoked extends DeviceApiError {}
/** 403: the application has disabled this type of authenticator. */
export class AuthenticatorNotEnabled extends DeviceApiError {}
/** 403: the version of the app must be updated. */
export class VersionNotEnabled extends DeviceApiError {}
/** 403: enrolment or push enrolment is off. */
export class EnrollmentDisabled extends DeviceApiError {}
/** 404: the transaction is unknown, or has ended. Remove it from the screen. */
export class InvalidTransaction extends DeviceApiError {}
/** 404: the one-time password is wrong, expired, or was scanned by another user. */
export class InvalidOtp extends DeviceApiError {}
/** 404: the code is wrong, used or expired, possibly by a request whose response was lost. Request a new code. */
export class InvalidEnrollmentCode extends DeviceApiError {}
/** 404: mobile authentication is off. Retry later. */
export class FeatureDisabled extends DeviceApiError {}
/** 409: another device has this push token. Get a new one from the provider. */
export class PushTokenInUse extends DeviceApiError {}
/** 409: the user has another device, and the application allows one. */
export class UserAlreadyEnrolled extends DeviceApiError {}
/** 400: the server rejected a sealed message. Fetch the challenge again. Not counted as an attempt. */
export class InvalidMessage extends DeviceApiError {}
/** 400: the server rejected a member of the request. */
export class InvalidRequest extends DeviceApiError {}
/** 429, 500 or 503: retry later. */
export class ServerUnavailable extends DeviceApiError {}

type ApiErrorClass = new (status: number, body: ErrorBody, retryAfter?: number) => DeviceApiError;

const CLASSES = new Map<string, ApiErrorClass>([
  ["invalid_pin", InvalidPin],
  ["disconnected", Disconnected],
  ["invalid_device_token", InvalidDeviceToken],
  ["invalid_profile", InvalidProfile],
  ["authenticator_revoked", AuthenticatorRevoked],
  ["authenticator_not_enabled", AuthenticatorNotEnabled],
  ["version_not_enabled", VersionNotEnabled],
  ["enrollment_disabled", EnrollmentDisabled],
  ["invalid_transaction", InvalidTransaction],
  ["invalid_otp", InvalidOtp],
  ["invalid_enrollment_code", InvalidEnrollmentCode],
  ["feature_disabled", FeatureDisabled],
  ["push_token_in_use", PushTokenInUse],
  ["user_already_enrolled", UserAlreadyEnrolled],
  ["invalid_message", InvalidMessage],
  ["invalid_request", InvalidRequest],
]);

/** Return an error of the most specific class. */
export function apiError(status: number, body: ErrorBody, retryAfter?: number): DeviceApiError {
  const unavailable = status === 429 || status >= 500;
  const ErrorClass = unavailable ? ServerUnavailable : (CLASSES.get(body.error) ?? DeviceApiError);
  return new ErrorClass(status, body, retryAfter);
}

/** Return true if the server has processed the request: a repeat gets no other response. */
export function isFinal(error: unknown): error is DeviceApiError {
  return (
    error instanceof DeviceApiError && !(error instanceof ServerUnavailable) && !(error instanceof FeatureDisabled)
  );
}
