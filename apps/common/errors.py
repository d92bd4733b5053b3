"""The errors of all APIs: codes, tokens and texts. `apps.api.exceptions` maps them to HTTP, once."""

import math
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class ApiError(Exception):
    """Error that an API reports.

    `token` is the stable snake_case name, `code` the number if the API has one. `text` is the message for people; it is
    translated when the response is rendered.
    """

    code = ""
    token = "invalid_request"
    text: "str | StrPromise" = _("The request is invalid.")
    # Seconds after which a repeated request can succeed. 0: repeating the request does not help.
    seconds = 0
    # Additional members of the response body.
    members: dict[str, int] = {}

    def __init__(self, text: "str | StrPromise | None" = None) -> None:
        if text is not None:
            self.text = text
        super().__init__(str(self.text))


# Errors of the portal API, with the numbers of the Onegini Token Server.


class FeatureDisabled(ApiError):
    code, token = "1000", "feature_disabled"
    text = _("This feature is not enabled.")


class NoAuthenticationPossibility(ApiError):
    code, token = "1001", "not_found"
    text = _("No authentication possibilities for user/application or user not found.")


class PushNotStored(ApiError):
    code, token = "1002", "push_not_stored"
    text = _("The push message could not be stored for sending. Try again later.")


class InvalidParameter(ApiError):
    """A parameter is missing or invalid; the text names it."""

    code, token = "1003", "invalid_parameter"
    text = _("A parameter is invalid or missing.")


class MessageTooLong(ApiError):
    code, token = "1005", "message_too_long"
    text = _("The message is too long.")


class SmsDisabled(ApiError):
    code, token = "3000", "sms_disabled"
    text = _("SMS authentication is not enabled.")


class InvalidPhoneNumber(ApiError):
    code, token = "3001", "invalid_phone_number"
    text = _("The phone number is missing, invalid or not allowed.")


class SmsNotStored(ApiError):
    code, token = "3002", "sms_not_stored"
    text = _("The text message could not be stored for sending. Try again later.")


class InvalidVerificationCode(ApiError):
    code, token = "3003", "invalid_verification_code"
    text = _("Failed to authenticate, verification code invalid")


class ResendLimitReached(ApiError):
    code, token = "3006", "resend_limit_reached"
    text = _("The resend limit of this transaction is reached.")


class LimitReached(ApiError):
    """A limit is reached. A repeated request can succeed after `seconds`."""

    code, token = "1429", "limit_reached"
    text = _("Too many wrong codes. Try again later, or ask support to unlock the user.")

    def __init__(self, seconds: float = 3600, text: "str | StrPromise | None" = None) -> None:
        super().__init__(text)
        self.seconds = max(math.ceil(seconds), 1)


class VersionMandatory(ApiError):
    code, token = "4001", "version_mandatory"
    text = _("Version 4 or above of this API is mandatory.")


class IdempotencyInProgress(ApiError):
    token = "idempotency_in_progress"
    text = _("The first request with this Idempotency-Key is still running.")


class IdempotencyKeyReused(ApiError):
    token = "idempotency_key_reused"
    text = _("This Idempotency-Key was used with other parameters.")


class TransactionNotFound(ApiError):
    code, token = "3004", "transaction_not_found"
    text = _("Transaction not found, expired or already used.")


class TypeNotFound(ApiError):
    code, token = "3005", "type_not_found"
    text = _("Mobile authentication type not found.")


# Errors of the client authentication.


class InvalidClient(ApiError):
    token = "invalid_client"
    text = _("Client credentials are missing or invalid.")


class UnauthorizedClient(ApiError):
    token = "unauthorized_client"
    text = _("This client is not authorized to use this API.")


class AccessDenied(ApiError):
    token = "access_denied"
    text = _("Requests from this IP address are not allowed.")


# Errors of all paths.


class PathNotFound(ApiError):
    token = "not_found"
    text = _("This path does not exist.")


class MethodNotAllowed(ApiError):
    token = "method_not_allowed"
    text = _("This method is not allowed for this path.")


class UnsupportedMediaType(ApiError):
    token = "unsupported_media_type"
    text = _("This content type is not supported by this path.")


class RequestTooLarge(ApiError):
    token = "request_too_large"
    text = _("The request is too large.")


class ServiceUnavailable(ApiError):
    """The database is temporarily unavailable."""

    token = "temporarily_unavailable"
    text = _("The database of the server is unavailable. Try again in a few seconds.")
    seconds = 2


class InternalError(ApiError):
    token = "internal_error"
    text = _("Internal server error. The server log has details for this X-Request-Id.")


# Errors of the userinfo endpoint.


class InvalidAccessToken(ApiError):
    token = "invalid_token"
    text = _("The access token is invalid or has expired.")


class MissingAccessToken(InvalidAccessToken):
    text = _("The request has no access token.")


# Errors of the device API.


class InvalidRequest(ApiError):
    """The request body is malformed; the text names the member."""


class InvalidMessage(ApiError):
    token = "invalid_message"
    text = _("The sealed message is invalid.")


class InvalidPublicKey(ApiError):
    token = "invalid_public_key"
    text = _("The public key is invalid or not supported.")


class InvalidDeviceToken(ApiError):
    token = "invalid_device_token"
    text = _("The device token is missing or unknown.")


class InvalidEnrollmentCode(ApiError):
    token = "invalid_enrollment_code"
    text = _("The enrolment code is invalid, used, expired or for another application.")


class InvalidOtp(ApiError):
    token = "invalid_otp"
    text = _("The one-time password is invalid, used or expired.")


class InvalidProfile(ApiError):
    token = "invalid_profile"
    text = _("This device has no such profile, or the keys of the profile were removed. Enrol the user again.")


class InvalidTransaction(ApiError):
    token = "invalid_transaction"
    text = _("This profile has no such pending transaction.")


class AuthenticatorNotEnabled(ApiError):
    token = "authenticator_not_enabled"
    text = _("This authenticator type is not enabled for the application.")


class AuthenticatorRevoked(ApiError):
    token = "authenticator_revoked"
    text = _("The token of this authenticator was invalid, so it was revoked. The PIN can still be used.")


class InvalidPin(ApiError):
    """The PIN token is invalid. If `max_attempts` is 0, the number of attempts is not limited."""

    token = "invalid_pin"
    text = _("The PIN is incorrect.")

    def __init__(self, used_attempts: int = 0, max_attempts: int = 0) -> None:
        super().__init__()
        self.members = {"used_attempts": used_attempts, "max_attempts": max_attempts}


class Disconnected(ApiError):
    code, token = "9003", "disconnected"
    text = _("Too many wrong PINs. The user was disconnected from this device.")


class VersionNotEnabled(ApiError):
    token = "version_not_enabled"
    text = _("This version of the application is not enabled.")


class PushTokenInUse(ApiError):
    code, token = "9016", "push_token_in_use"
    text = _("This push token is in use by another device.")


class EnrollmentDisabled(ApiError):
    code, token = "9017", "enrollment_disabled"
    text = _("Enrolment is disabled, or this version of the application has no push messaging configuration.")


class UserAlreadyEnrolled(ApiError):
    code, token = "9018", "user_already_enrolled"
    text = _("The user is enrolled on another device.")


class ObjectNotFound(ApiError):
    """The object named by a request of the user API does not exist."""

    token = "not_found"
    text = _("Not found.")
