"""Error responses of the fake server."""

from typing import Any

# Status, token and text by number, as in the documentation of the portal API.
NUMBERED = {
    "1000": (404, "feature_disabled", "This feature is not enabled."),
    "1001": (404, "not_found", "No authentication possibilities for user/application or user not found."),
    "1002": (503, "push_not_stored", "The push message could not be stored for sending. Try again later."),
    "1003": (400, "invalid_parameter", "A parameter is invalid or missing."),
    "1005": (400, "message_too_long", "The message is too long."),
    "1429": (429, "limit_reached", "A limit is reached. Try again later."),
    "3000": (404, "sms_disabled", "SMS authentication is not enabled."),
    "3001": (400, "invalid_phone_number", "The phone number is missing, invalid or not allowed."),
    "3002": (503, "sms_not_stored", "The text message could not be stored for sending. Try again later."),
    "3003": (404, "invalid_verification_code", "Failed to authenticate, verification code invalid"),
    "3004": (404, "transaction_not_found", "Transaction not found, expired or already used."),
    "3005": (404, "type_not_found", "Mobile authentication type not found."),
    "3006": (403, "resend_limit_reached", "The resend limit of this transaction is reached."),
    "4001": (404, "version_mandatory", "Version 4 or above of this API is mandatory."),
}
UNNUMBERED = {
    "invalid_client": (401, "Client credentials are missing or invalid."),
    "unauthorized_client": (400, "This client is not authorized to use this API."),
    "access_denied": (403, "Requests from this IP address are not allowed."),
    "invalid_request": (400, "The request is invalid."),
    "not_found": (404, "Not found."),
    "idempotency_in_progress": (409, "The first request with this Idempotency-Key is still running."),
    "idempotency_key_reused": (422, "This Idempotency-Key was used with other parameters."),
    "temporarily_unavailable": (503, "The database of the server is unavailable. Try again in a few seconds."),
    "internal_error": (500, "Internal server error. The server log has details for this X-Request-Id."),
}


class FakeError(Exception):
    """Error response, by its number or its token."""

    def __init__(self, name: str, text: str = "", retry_after: int | None = None) -> None:
        super().__init__(name)
        if name in NUMBERED:
            self.status, token, default = NUMBERED[name]
        else:
            (self.status, default), token = UNNUMBERED[name], name
        text = text or default
        self.body: dict[str, Any] = {"error": token, "error_description": text}
        if name in NUMBERED:
            self.body |= {"error_code": name, "description": text}
        self.headers = {} if retry_after is None else {"retry-after": str(retry_after)}


class NoDevices(FakeError):
    """Response to a list of the devices of a user without devices."""

    def __init__(self) -> None:
        super().__init__("not_found")
        self.body = {"error": "No devices found"}
