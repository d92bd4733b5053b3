"""Validation of phone numbers for SMS."""

from apps.common import errors
from apps.events.facts import RequestFacts
from apps.events.types import EventType, EventTypes
from apps.sms import services as sms
from apps.system import services as system


class PhoneNumberRejected(errors.InvalidPhoneNumber):
    """The phone number is invalid or not allowed. `event_type` names the reason for support staff."""

    def __init__(self, event_type: EventType[RequestFacts]) -> None:
        super().__init__()
        self.event_type = event_type


def validate(text: str) -> str:
    """Return the phone number in E.164.

    Raises PhoneNumberRejected if it is missing, invalid or of a country that is not allowed.
    """
    number = sms.normalize_number(text)
    if not number:
        raise PhoneNumberRejected(EventTypes.SMS_AUTH_INIT_FAILURE_INVALID_PHONE_NUMBER)
    allowed = system.general().sms_allowed_countries
    if allowed and sms.country_code(number) not in allowed:
        raise PhoneNumberRejected(EventTypes.SMS_AUTH_INIT_FAILURE_COUNTRY_NOT_ALLOWED)
    return number
