"""Errors of the library. Each error that the server reports with a number or a token has a class."""

from collections.abc import Mapping
from typing import Any


class CountersignError(Exception):
    """Base class of all errors of the library."""


class NetworkError(CountersignError):
    """No response was received: the connection failed, broke or timed out.

    `processed` is False if the server cannot have received the request.
    """

    def __init__(self, reason: str, *, processed: bool | None = None) -> None:
        super().__init__(reason)
        self.processed = processed


class UnexpectedResponse(CountersignError):
    """Response in another format than the API's, for example the error page of a proxy."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"HTTP {status}: {reason}")
        self.status = status


class WaitTimeout(CountersignError):
    """The transaction was still pending after the timeout of `wait`."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(f"transaction {transaction_id} is still pending")
        self.transaction_id = transaction_id


class InvalidCallback(CountersignError):
    """Request to the callback URL that must be rejected with the HTTP status `status`."""

    def __init__(self, reason: str, *, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


class ApiError(CountersignError):
    """Error response of the server.

    `code` is the number, such as "3003", or empty. `token` is the stable name, and `description` a text for people.
    """

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.code = str(body.get("error_code", ""))
        self.token = str(body.get("error", body.get("code", "")))
        self.description = str(body.get("error_description", body.get("message", "")))
        self.retry_after = retry_after(headers or {})
        self.request_id = (headers or {}).get("x-request-id", "")
        super().__init__(f"{self.code or self.status} {self.token}: {self.description}")

    def __reduce__(self) -> tuple[Any, ...]:
        body = {"error_code": self.code, "error": self.token, "error_description": self.description}
        return type(self), (self.status, body)


class FeatureDisabled(ApiError):
    """1000: mobile authentication is off."""


class NoAuthenticationPossibility(ApiError):
    """1001: no type or fallback is available to the user, or the user is unknown."""


class PushNotStored(ApiError):
    """1002: the push could not be stored. The library has retried."""


class InvalidParameter(ApiError):
    """1003: a parameter is missing or invalid. The description names it."""


class MessageTooLong(ApiError):
    """1005: the message is too long."""


class LimitReached(ApiError):
    """1429: a limit is reached. `retry_after` is the minimum number of seconds to wait."""


class SmsDisabled(ApiError):
    """3000: SMS authentication is off."""


class InvalidPhoneNumber(ApiError):
    """3001: the phone number is missing, invalid or not allowed."""


class SmsNotStored(ApiError):
    """3002: the SMS could not be stored. The library has retried."""


class InvalidVerificationCode(ApiError):
    """3003: the code is wrong, and an attempt is used."""


class TransactionNotFound(ApiError):
    """3004: the transaction is unknown, ended, of another user or of another API client."""


class TypeNotFound(ApiError):
    """3005: the mobile authentication type is unknown; for a resent SMS: the transaction is of another user."""


class ResendLimitReached(ApiError):
    """3006: the resend limit of the type is reached."""


class VersionMandatory(ApiError):
    """4001: version 4 of the API is mandatory. The library uses this version."""


class InvalidClient(ApiError):
    """The client id or secret is invalid."""


class UnauthorizedClient(ApiError):
    """The API client does not have the permission for this API."""


class AccessDenied(ApiError):
    """The IP address of the portal is not in the allow list of the API client."""


class InvalidRequest(ApiError):
    """The request is malformed."""


class NotFound(ApiError):
    """The path or the application is unknown."""


class RequestTooLarge(ApiError):
    """The body of the request is too large."""


class IdempotencyInProgress(ApiError):
    """The first request with this idempotency key still runs. The library has retried."""


class IdempotencyKeyReused(ApiError):
    """The idempotency key was used with other parameters."""


class ServiceUnavailable(ApiError):
    """The database of the server is unavailable. The library has retried."""


class InternalError(ApiError):
    """The server failed. Its log has details for `request_id`."""


class NotAllDevicesDeleted(ApiError):
    """Some devices could not be deleted: `device_ids`. All others were deleted."""

    def __init__(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body, headers)
        self.device_ids = [str(item.get("id", "")) for item in body.get("details", []) if isinstance(item, Mapping)]

    def __reduce__(self) -> tuple[Any, ...]:
        body = {"code": self.token, "message": self.description, "details": [{"id": id_} for id_ in self.device_ids]}
        return type(self), (self.status, body)


BY_CODE: dict[str, type[ApiError]] = {
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
}
BY_TOKEN: dict[str, type[ApiError]] = {
    "invalid_client": InvalidClient,
    "unauthorized_client": UnauthorizedClient,
    "access_denied": AccessDenied,
    "invalid_request": InvalidRequest,
    "not_found": NotFound,
    "request_too_large": RequestTooLarge,
    "idempotency_in_progress": IdempotencyInProgress,
    "idempotency_key_reused": IdempotencyKeyReused,
    "temporarily_unavailable": ServiceUnavailable,
    "internal_error": InternalError,
    "not_all_devices_deleted": NotAllDevicesDeleted,
}


def from_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> ApiError:
    """Return the error of a response, of the most specific class."""
    kind = BY_CODE.get(str(body.get("error_code", "")))
    kind = kind or BY_TOKEN.get(str(body.get("error", body.get("code", ""))), ApiError)
    return kind(status, body, headers)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the header Retry-After; None if it is absent or a date."""
    value = headers.get("retry-after", "").strip()
    return float(value) if value.isascii() and value.isdigit() else None
