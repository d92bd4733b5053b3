"""The errors of all APIs: codes, tokens and texts. `apps.api.exceptions` maps them to HTTP, once."""

import math
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class ApiError(Exception):
    """Error that an API reports.

    `token` is the stable snake_case name, `code` the number if the API has one, `text` the sentence for people, which
    is translated when it is sent.
    """

    code = ""
    token = "invalid_request"
    text: "str | StrPromise" = _("The request is invalid.")
    # Seconds after which a repeat can succeed; 0: a repeat does not help.
    seconds = 0
    # Further members of the body.
    members: dict[str, int] = {}

    def __init__(self, text: "str | StrPromise | None" = None) -> None:
        if text is not None:
            self.text = text
        super().__init__(str(self.text))


# What the portal API answers (numbers of the Onegini Token Server).


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
    """The text names the parameter."""

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
    text = _("The message cannot be sent again: the limit is reached.")


class LimitReached(ApiError):
    """A limit is reached; `seconds` until a repeat can succeed."""

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


# Who is calling.


class InvalidClient(ApiError):
    token = "invalid_client"
    text = _("Client credentials are missing or wrong.")


class UnauthorizedClient(ApiError):
    token = "unauthorized_client"
    text = _("This client may not use this API.")


class AccessDenied(ApiError):
    token = "access_denied"
    text = _("This client may not call from this address.")


# What is true of every path.


class PathNotFound(ApiError):
    token = "not_found"
    text = _("There is nothing at this path.")


class MethodNotAllowed(ApiError):
    token = "method_not_allowed"
    text = _("This method is not allowed here.")


class UnsupportedMediaType(ApiError):
    token = "unsupported_media_type"
    text = _("This content type is not supported here.")


class RequestTooLarge(ApiError):
    token = "request_too_large"
    text = _("The request is too large.")


class ServiceUnavailable(ApiError):
    """The database is away for a moment."""

    token = "temporarily_unavailable"
    text = _("The server cannot reach its database. Try again in a moment.")
    seconds = 2


class InternalError(ApiError):
    token = "internal_error"
    text = _("Something went wrong here. The operator's log says what.")


# What a device hears.


class InvalidRequest(ApiError):
    """A malformed body; the text names the member."""


class InvalidMessage(ApiError):
    token = "invalid_message"
    text = _("The message is not acceptable.")


class InvalidPublicKey(ApiError):
    token = "invalid_public_key"
    text = _("The public key cannot be used.")


class InvalidDeviceToken(ApiError):
    token = "invalid_device_token"
    text = _("The device token is missing or unknown.")


class InvalidEnrollmentCode(ApiError):
    token = "invalid_enrollment_code"
    text = _("The enrolment code is wrong, used, expired or for another application.")


class InvalidOtp(ApiError):
    token = "invalid_otp"
    text = _("The one-time password is wrong, used or expired.")


class InvalidProfile(ApiError):
    token = "invalid_profile"
    text = _("This device has no such profile, or the keys of the profile were removed. Enrol the user again.")


class InvalidTransaction(ApiError):
    token = "invalid_transaction"
    text = _("There is no such pending transaction for this profile.")


class AuthenticatorNotEnabled(ApiError):
    token = "authenticator_not_enabled"
    text = _("The application does not have this kind of authenticator on.")


class AuthenticatorRevoked(ApiError):
    token = "authenticator_revoked"
    text = _("This authenticator was wrong and is revoked. The PIN can still be used.")


class InvalidPin(ApiError):
    """`max_attempts` 0: no limit."""

    token = "invalid_pin"
    text = _("The PIN is wrong.")

    def __init__(self, used_attempts: int = 0, max_attempts: int = 0) -> None:
        super().__init__()
        self.members = {"used_attempts": used_attempts, "max_attempts": max_attempts}


class Disconnected(ApiError):
    code, token = "9003", "disconnected"
    text = _("The PIN was wrong too often. The user is disconnected from this device.")


class VersionNotEnabled(ApiError):
    token = "version_not_enabled"
    text = _("This version of the application is not enabled.")


class PushTokenInUse(ApiError):
    code, token = "9016", "push_token_in_use"
    text = _("This push token is in use by another device.")


class EnrollmentDisabled(ApiError):
    code, token = "9017", "enrollment_disabled"
    text = _("Enrolment is not possible: it is switched off, or this version has no push configuration.")


class UserAlreadyEnrolled(ApiError):
    code, token = "9018", "user_already_enrolled"
    text = _("The user is enrolled on another device.")


class ObjectNotFound(ApiError):
    """The user API names something that does not exist."""

    token = "not_found"
    text = _("Not found.")
