// Error responses of the fake server.

type Row = readonly [status: number, token: string, text: string];

// Numbers, as in the documentation of the portal API, and tokens of errors without a number.
const ROWS: Readonly<Record<string, Row>> = {
  "1000": [404, "feature_disabled", "This feature is not enabled."],
  "1001": [404, "not_found", "No authentication possibilities for user/application or user not found."],
  "1002": [503, "push_not_stored", "The push message could not be stored for sending. Try again later."],
  "1003": [400, "invalid_parameter", "A parameter is invalid or missing."],
  "1005": [400, "message_too_long", "The message is too long."],
  "1429": [429, "limit_reached", "A limit is reached. Try again later."],
  "3000": [404, "sms_disabled", "SMS authentication is not enabled."],
  "3001": [400, "invalid_phone_number", "The phone number is missing, invalid or not allowed."],
  "3002": [503, "sms_not_stored", "The text message could not be stored for sending. Try again later."],
  "3003": [404, "invalid_verification_code", "Failed to authenticate, verification code invalid"],
  "3004": [404, "transaction_not_found", "Transaction not found, expired or already used."],
  "3005": [404, "type_not_found", "Mobile authentication type not found."],
  "3006": [403, "resend_limit_reached", "The resend limit of this transaction is reached."],
  "4001": [404, "version_mandatory", "Version 4 or above of this API is mandatory."],
  invalid_client: [401, "invalid_client", "Client credentials are missing or invalid."],
  unauthorized_client: [400, "unauthorized_client", "This client is not authorized to use this API."],
  access_denied: [403, "access_denied", "Requests from this IP address are not allowed."],
  invalid_request: [400, "invalid_request", "The request is invalid."],
  not_found: [404, "not_found", "Not found."],
  idempotency_in_progress: [409, "idempotency_in_progress", "The first request with this key is still running."],
  idempotency_key_reused: [422, "idempotency_key_reused", "This Idempotency-Key was used with other parameters."],
  temporarily_unavailable: [503, "temporarily_unavailable", "The database of the server is unavailable."],
  internal_error: [500, "internal_error", "Internal server error."],
};

/** Error response, by its number or its token. */
export class FakeError extends Error {
  readonly status: number;
  readonly body: Record<string, string>;

  constructor(name: string, text?: string) {
    const row = ROWS[name];
    if (!row) throw new TypeError(`unknown error ${name}`);
    const [status, token, standard] = row;
    super(name);
    this.status = status;
    const description = text ?? standard;
    this.body = { error: token, error_description: description };
    if (/^\d/.test(name)) Object.assign(this.body, { error_code: name, description });
  }
}

/** Response to a list of the devices of a user without devices. */
export class NoDevices extends FakeError {
  constructor() {
    super("not_found");
    delete this.body.error_description;
    this.body.error = "No devices found";
  }
}

/** Throw the error 1003 unless the condition is true. */
export function require(isValid: boolean, text: string): asserts isValid {
  if (!isValid) throw new FakeError("1003", text);
}
