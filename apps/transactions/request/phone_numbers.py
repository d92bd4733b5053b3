"""Phone numbers that a code can be sent to."""

from apps.common import errors
from apps.events.types import EventType
from apps.sms import services as sms
from apps.system import services as system


class PhoneNumberRejected(errors.InvalidPhoneNumber):
    """A number that no code is sent to; `event_type` says why, for support."""

    def __init__(self, event_type: EventType) -> None:
        super().__init__()
        self.event_type = event_type


def validate(text: str) -> str:
    """Return the number in E.164.

    Raises PhoneNumberRejected if it is missing, invalid or of a country that is not allowed.
    """
    number = sms.normalize_number(text)
    if not number:
        raise PhoneNumberRejected(EventType.SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER)
    allowed = system.general().sms_allowed_countries
    if allowed and sms.country_code(number) not in allowed:
        raise PhoneNumberRejected(EventType.SMS_AUTH_INIT_FAILURE_COUNTRY_NOT_ALLOWED)
    return number
