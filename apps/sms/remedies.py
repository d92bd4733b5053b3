"""Remedies for the reasons of failed messages.

Twilio's codes: https://www.twilio.com/docs/api/errors
"""

import re

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.outgoing.errors import NetworkErrorKind
from apps.sms.gateways.base import SmsOutcome, SmsResult

PREFIX = "TOKEN_SERVER_ENGINE_SMS_GATEWAY_"
_CREDENTIALS = _(
    "The gateway rejects the credentials. Correct them in the environment variables %(prefix)s… and restart the server."
)
_SENDER = _(
    "The gateway accepts no sender. Correct the SMS sender ID under General, or the number in "
    "%(prefix)sTWILIO_FROM_NUMBER."
)
_REGION = _(
    "The account is not allowed to send to this country. Allow the country in Twilio's console (Geo permissions)."
)
_TRIAL = _("Trial accounts can send to verified numbers only. Verify this number in Twilio's console, or upgrade.")
_NUMBER = _("The gateway reports that this number cannot receive text messages. Use another number.")
_OPTED_OUT = _("The recipient has opted out of messages from this sender by replying STOP.")
_BUSY = _("The gateway is busy or unavailable. Try again later, and check the status page of its operator.")
_URL = _("The URL of the gateway is wrong. Correct %(prefix)sREST_URL or %(prefix)sTWILIO_API_URL.")
_PROXY = _(
    "The outgoing proxy does not allow the connection. Correct the environment variables "
    "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_…, or allow the gateway's host in the proxy."
)
_UNREACHABLE = _(
    "The gateway is not reachable from this server. Check its URL in %(prefix)s…, and that the network allows outgoing "
    "connections to it."
)
_UNKNOWN = _("The message may have been delivered. Check the phone before you send another one.")
_OTHER = _("Check the log of the gateway for this message.")

REASON_REMEDIES: list[tuple[str, Promise]] = [
    (r"the credentials are not set|error (20003|20404|20005|20008)$|HTTP 40[13]$", _CREDENTIALS),
    (r"no sender|error (21212|21603|21606|21611|21612|21657|21659|21660)$", _SENDER),
    (r"error 21408$", _REGION),
    (r"error 21608$", _TRIAL),
    (r"error 21610$", _OPTED_OUT),
    (r"error (21211|21214|21217|21614)$", _NUMBER),
    (r"HTTP (3\d\d|40[45])$|^not a response of", _URL),
]
PROXY_KINDS = {
    NetworkErrorKind.PROXY_UNREACHABLE,
    NetworkErrorKind.PROXY_CREDENTIALS,
    NetworkErrorKind.PROXY_REJECTED,
}


def remedy(result: SmsResult) -> str:
    """Return the remedy for a message that the gateway did not accept."""
    if result.error_kind in PROXY_KINDS:
        return str(_PROXY)
    for pattern, text in REASON_REMEDIES:
        if re.search(pattern, result.reason):
            return str(text) % {"prefix": PREFIX}
    if result.outcome == SmsOutcome.UNKNOWN:
        return str(_UNKNOWN)
    if result.outcome == SmsOutcome.RETRY:
        return str(_BUSY if result.status else _UNREACHABLE) % {"prefix": PREFIX}
    return str(_OTHER)


def loading_error(reason: object) -> str:
    """Return the message for a gateway that cannot be loaded."""
    text = _(
        "The SMS gateway “%(name)s” cannot be loaded: %(reason)s. Correct "
        "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY and restart the server."
    )
    return str(text) % {"name": settings.SMS_GATEWAY, "reason": reason}
