// Errors of the library. Each error that the server reports with a number or a token has a class.

import type { Json } from "./json.ts";

/** Base class of all errors of the library. */
export class CountersignError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** No response was received. `isSent` is false if the server cannot have received the request. */
export class NetworkError extends CountersignError {
  readonly isSent: boolean;

  constructor(reason: string, isSent = true) {
    super(reason);
    this.isSent = isSent;
  }
}

/** Response in another format than the API's, for example the error page of a proxy. */
export class UnexpectedResponse extends CountersignError {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(`HTTP ${status}: ${reason}`);
    this.status = status;
  }
}

/** The transaction was still pending after the timeout of `wait`. */
export class WaitTimeout extends CountersignError {
  readonly transactionId: string;

  constructor(transactionId: string) {
    super(`transaction ${transactionId} is still pending`);
    this.transactionId = transactionId;
  }
}

/** Request to the callback URL that must be rejected with the HTTP status `status`. */
export class InvalidCallback extends CountersignError {
  readonly status: number;

  constructor(reason: string, status = 401) {
    super(reason);
    this.status = status;
  }
}

/** Error response. `code` is the number, such as "3003", or empty; `token` is the stable name. */
export class ApiError extends CountersignError {
  readonly status: number;
  readonly code: string;
  readonly token: string;
  readonly description: string;
  /** Minimum time to wait, in seconds. */
  readonly retryAfter: number | undefined;
  readonly requestId: string;

  constructor(status: number, body: Json, headers: Headers) {
    const code = text(body.error_code);
    const token = text(body.error ?? body.code);
    const description = text(body.error_description ?? body.message);
    super(`${code || String(status)} ${token}: ${description}`);
    this.status = status;
    this.code = code;
    this.token = token;
    this.description = description;
    this.retryAfter = retryAfter(headers);
    this.requestId = headers.get("x-request-id") ?? "";
  }
}

/** 1000: mobile authentication is off. */
export class FeatureDisabled extends ApiError {}
/** 1001: no type or fallback is available to the user, or the user is unknown. */
export class NoAuthenticationPossibility extends ApiError {}
/** 1002: the push could not be stored. The library has retried. */
export class PushNotStored extends ApiError {}
/** 1003: a parameter is missing or invalid. The description names it. */
export class InvalidParameter extends ApiError {}
/** 1005: the message is too long. */
export class MessageTooLong extends ApiError {}
/** 1429: a limit is reached. `retryAfter` is the minimum number of seconds to wait. */
export class LimitReached extends ApiError {}
/** 3000: SMS authentication is off. */
export class SmsDisabled extends ApiError {}
/** 3001: the phone number is missing, invalid or not allowed. */
export class InvalidPhoneNumber extends ApiError {}
/** 3002: the SMS could not be stored. The library has retried. */
export class SmsNotStored extends ApiError {}
/** 3003: the code is wrong, and an attempt is used. */
export class InvalidVerificationCode extends ApiError {}
/** 3004: the transaction is unknown, ended, of another user or of another API client. */
export class TransactionNotFound extends ApiError {}
/** 3005: the mobile authentication type is unknown; for a resent SMS: the transaction is of another user. */
export class TypeNotFound extends ApiError {}
/** 3006: the resend limit of the type is reached. */
export class ResendLimitReached extends ApiError {}
/** 4001: version 4 of the API is mandatory. The library uses this version. */
export class VersionMandatory extends ApiError {}
/** The client id or secret is invalid. */
export class InvalidClient extends ApiError {}
/** The API client does not have the permission for this API. */
export class UnauthorizedClient extends ApiError {}
/** The IP address of the portal is not in the allow list of the API client. */
export class AccessDenied extends ApiError {}
/** The request is malformed. */
export class InvalidRequest extends ApiError {}
/** The path or the application is unknown. */
export class NotFound extends ApiError {}
/** The body of the request is too large. */
export class RequestTooLarge extends ApiError {}
/** The first request with this idempotency key still runs. The library has retried. */
export class IdempotencyInProgress extends ApiError {}
/** The idempotency key was used with other parameters. */
export class IdempotencyKeyReused extends ApiError {}
/** The database of the server is unavailable. The library has retried. */
export class ServiceUnavailable extends ApiError {}
/** The server failed. Its log has details for `requestId`. */
export class InternalError extends ApiError {}

/** Some devices could not be deleted. All others were deleted. */
export class NotAllDevicesDeleted extends ApiError {
  readonly deviceIds: string[];

  constructor(status: number, body: Json, headers: Headers) {
    super(status, body, headers);
    const details = Array.isArray(body.details) ? (body.details as Json[]) : [];
    this.deviceIds = details.map((item) => text(item.id));
  }
}

type ErrorClass = new (status: number, body: Json, headers: Headers) => ApiError;

export const BY_CODE: Readonly<Record<string, ErrorClass>> = {
  "1000": FeatureDisabled,
  "1001": NoAuthenticationPossibility,
  "1002": PushNotStored,
  "1003": InvalidParameter,
  "1005": MessageTooLong,
  "1429": LimitReached,
  "3000": SmsDisabled,
  "3001": InvalidPhoneNumber,
  "3002": SmsNotStored,
  "3003": InvalidVerificationCode,
  "3004": TransactionNotFound,
  "3005": TypeNotFound,
  "3006": ResendLimitReached,
  "4001": VersionMandatory,
};
export const BY_TOKEN: Readonly<Record<string, ErrorClass>> = {
  invalid_client: InvalidClient,
  unauthorized_client: UnauthorizedClient,
  access_denied: AccessDenied,
  invalid_request: InvalidRequest,
  not_found: NotFound,
  request_too_large: RequestTooLarge,
  idempotency_in_progress: IdempotencyInProgress,
  idempotency_key_reused: IdempotencyKeyReused,
  temporarily_unavailable: ServiceUnavailable,
  internal_error: InternalError,
  not_all_devices_deleted: NotAllDevicesDeleted,
};

/** Return the error of a response, of the most specific class. */
export function fromResponse(status: number, body: Json, headers: Headers): ApiError {
  const code = text(body.error_code);
  const token = text(body.error ?? body.code);
  const kind = own(BY_CODE, code) ?? own(BY_TOKEN, token) ?? ApiError;
  return new kind(status, body, headers);
}

/** Return the seconds of the header Retry-After; undefined if it is absent or a date. */
export function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  return /^\d+$/.test(value) ? Number(value) : undefined;
}

function own(table: Readonly<Record<string, ErrorClass>>, name: string): ErrorClass | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
