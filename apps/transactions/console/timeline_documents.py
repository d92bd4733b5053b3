"""Pages of the documentation for the failures in the timeline of a transaction."""

from apps.common.console.documents import Document, error, troubleshooting
from apps.events.types import EventTypes

# Errors that the device or the portal got, by number or token.
ERRORS = {
    EventTypes.PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED: "3006",
    EventTypes.SMS_RESEND_FAILED: "3006",
    EventTypes.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP: "invalid_otp",
    EventTypes.SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE: "3003",
    EventTypes.SMS_AUTH_VALIDATION_LIMIT_EXCEEDED: "3003",
    EventTypes.SMS_AUTH_USER_LOCKED: "1429",
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE: "3003",
    EventTypes.PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED: "3003",
    EventTypes.PUSH_AUTH_USER_LOCKED: "1429",
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN: "invalid_pin",
    EventTypes.PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED: "9003",
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL: "authenticator_revoked",
    EventTypes.PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED: "authenticator_revoked",
    EventTypes.PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED: "authenticator_revoked",
    EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE: "invalid_message",
    EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN: "invalid_message",
    EventTypes.MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION: "invalid_transaction",
    EventTypes.MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED: "invalid_transaction",
}
NO_CONTEXT = "a-single-message-has-no-context"
# Sections of the troubleshooting page: of an event, and of a failed attempt by its icon in the timeline.
SECTIONS = {
    EventTypes.GEOLOCATION_CHECK_SKIPPED_DATA_MISSING: NO_CONTEXT,
    EventTypes.GEOLOCATION_CHECK_FAILED: NO_CONTEXT,
    "location_on": NO_CONTEXT,
    "send": "pushes-are-rejected",
    "sms": "sms-are-not-sent",
    "call_made": "callbacks-are-failing",
}


def document_of(failure: str) -> Document | None:
    """Return the page about a failure: an event type, or the icon of an attempt."""
    if failure in ERRORS:
        return error(ERRORS[failure])
    return troubleshooting(SECTIONS[failure]) if failure in SECTIONS else None
