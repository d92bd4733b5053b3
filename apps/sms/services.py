"""Sending of text messages, and validation of phone numbers."""

import re
from functools import cache

import structlog
from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from phonenumber_field.phonenumber import PhoneNumber
from phonenumbers import NumberParseException, PhoneNumberType, number_type, parse, region_code_for_number

from apps.common import errors
from apps.events import services as events
from apps.events.facts import TestSmsFacts
from apps.events.types import EventTypes
from apps.outgoing import http
from apps.sms.gateways.base import Gateway, SmsMessage, SmsOutcome, SmsResult
from apps.system import services as system

log = structlog.get_logger(__name__)

GATEWAYS = {
    "twilio": "apps.sms.gateways.twilio.TwilioGateway",
    "rest": "apps.sms.gateways.rest.RestGateway",
    "console": "apps.sms.gateways.console.ConsoleGateway",
    "memory": "apps.sms.gateways.memory.MemoryGateway",
}
TEST_CODE = "000000"
TEST_TTL_SECONDS = 300
SEPARATORS = re.compile(r"[\s\-.()\[\]\u2010-\u2015]")


@cache
def _load_class(path: str) -> type[Gateway]:
    gateway_class: type[Gateway] = import_string(GATEWAYS.get(path, path))
    return gateway_class


def get_gateway() -> Gateway:
    """Return the configured gateway: a built-in one by name, or a custom class by its dotted path."""
    return _load_class(settings.SMS_GATEWAY)()


def send(message: SmsMessage, senders: list[str]) -> SmsResult:
    """Send a message with the first accepted sender. The default senders of the gateway are tried last."""
    gateway = get_gateway()
    candidates = dict.fromkeys([*(sender for sender in senders if sender), *gateway.default_senders()])
    return gateway.send(message, list(candidates))


def send_test(phone_number: str, *, who: str) -> SmsResult:
    """Send a test message and return the result of the gateway.

    The verification code for a REST gateway is 000000. The event contains `who` as its actor and the masked number.
    Raises InvalidPhoneNumber if the number is invalid, and ImportError if the gateway cannot be loaded.
    """
    number = normalize_number(phone_number)
    if not number:
        raise errors.InvalidPhoneNumber
    message = SmsMessage(number, _("This is a test message."), TEST_CODE, TEST_TTL_SECONDS)
    result = _send_catching_errors(message)
    events.record(
        EventTypes.ADMIN_TEST_SMS_SENT,
        TestSmsFacts(
            who=who,
            gateway=settings.SMS_GATEWAY,
            phone_number=masked_number(number),
            sender=result.sender,
            outcome=result.outcome.value,
            http_status=result.status,
            reason=result.reason,
        ),
    )
    return result


def _send_catching_errors(message: SmsMessage) -> SmsResult:
    try:
        get_gateway()
    except TypeError as error:
        # The configured object is not a gateway class.
        raise ImportError(str(error)) from None
    try:
        return send(message, [system.general().sms_sender_id])
    except Exception as error:
        # A custom gateway can raise any exception, whose message can contain the phone number.
        log.exception("gateway_error")
        return SmsResult(SmsOutcome.UNKNOWN, type(error).__name__)


def probe() -> SmsResult | None:
    """Check the connection to the gateway without sending a message; None if the gateway cannot check it."""
    try:
        return get_gateway().probe()
    except http.NoResponse as error:
        return SmsResult(SmsOutcome.RETRY, error.reason, error_kind=error.kind)
    except Exception as error:
        log.exception("gateway_error")
        return SmsResult(SmsOutcome.REFUSED, type(error).__name__)


def masked_number(number: str) -> str:
    """Return the country calling code and the last two digits of a number in E.164, to recognise one's own number."""
    return f"+{PhoneNumber.from_string(number).country_code}…{number[-2:]}"


def country_code(number: str) -> str:
    """Return the two-letter country code of a number; "001" for numbers without a country, such as satellite phones."""
    return region_code_for_number(parse(number)) or "001"


def normalize_number(text: str) -> str:
    """Return a number in E.164; empty if it is invalid according to libphonenumber, or a premium-rate number."""
    digits = SEPARATORS.sub("", text)
    if not re.fullmatch(r"\+[0-9]{4,20}", digits):
        return ""
    try:
        number = PhoneNumber.from_string(digits)
    except NumberParseException:
        return ""
    # Messages to premium-rate numbers are a form of SMS pumping.
    if not number.is_valid() or number_type(number) == PhoneNumberType.PREMIUM_RATE:
        return ""
    return str(number.as_e164)
