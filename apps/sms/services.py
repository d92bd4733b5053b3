"""Sending a text message."""

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
    """Return the configured gateway: one of ours by name, or a class by its dotted path."""
    return _load_class(settings.SMS_GATEWAY)()


def send(message: SmsMessage, senders: list[str]) -> SmsResult:
    """Hand a message over, from the first of the senders that is accepted; the gateway's own come last."""
    gateway = get_gateway()
    candidates = dict.fromkeys([*(sender for sender in senders if sender), *gateway.default_senders()])
    return gateway.send(message, list(candidates))


def send_test(phone_number: str, *, who: str) -> SmsResult:
    """Send a fixed text, to see what the gateway says; InvalidPhoneNumber, ImportError when there is no such gateway.

    A REST gateway gets zeros as the code. The event says `who` wanted it, and how the number begins and ends.
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
        # What the name leads to is no gateway's class.
        raise ImportError(str(error)) from None
    try:
        return send(message, [system.general().sms_sender_id])
    except Exception as error:
        # A gateway of somebody's own may raise anything; what it says may hold the number.
        log.exception("gateway_error")
        return SmsResult(SmsOutcome.UNKNOWN, type(error).__name__)


def probe() -> SmsResult | None:
    """Ask the gateway's provider without sending anything; None when that is not possible."""
    try:
        return get_gateway().probe()
    except http.NoResponse as error:
        return SmsResult(SmsOutcome.RETRY, error.reason, error_kind=error.kind)
    except Exception as error:
        log.exception("gateway_error")
        return SmsResult(SmsOutcome.REFUSED, type(error).__name__)


def masked_number(number: str) -> str:
    """Return the country and the last two digits of a number in E.164: enough to know one's own again."""
    return f"+{PhoneNumber.from_string(number).country_code}…{number[-2:]}"


def country_code(number: str) -> str:
    """Return the two-letter code of a number's country; "001" for numbers of none, such as satellite phones."""
    return region_code_for_number(parse(number)) or "001"


def normalize_number(text: str) -> str:
    """Return a number in E.164; "" when it is missing, impossible or invalid (libphonenumber), or a premium number."""
    digits = SEPARATORS.sub("", text)
    if not re.fullmatch(r"\+[0-9]{4,20}", digits):
        return ""
    try:
        number = PhoneNumber.from_string(digits)
    except NumberParseException:
        return ""
    # Texts to premium numbers are how somebody else earns money with our codes.
    if not number.is_valid() or number_type(number) == PhoneNumberType.PREMIUM_RATE:
        return ""
    return str(number.as_e164)
