"""From what a gateway said to what mends it, in sentences.

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
    "The gateway does not accept the credentials. Correct them in the environment variables %(prefix)s…, and restart."
)
_SENDER = _(
    "No sender was accepted. Correct the SMS sender ID under General, or the number in %(prefix)sTWILIO_FROM_NUMBER."
)
_REGION = _("The account may not send to this country. Allow the country in Twilio's console (Geo permissions).")
_TRIAL = _("A trial account sends to verified numbers only. Verify this number in Twilio's console, or upgrade.")
_NUMBER = _("The gateway says that this number gets no text messages. Try another one.")
_OPTED_OUT = _("The owner of this number has asked for no more messages from this sender, by answering STOP.")
_BUSY = _("The gateway is busy or out of order. Try again in a while, and see what its maker says about outages.")
_URL = _("The gateway has nothing at this address. Correct %(prefix)sREST_URL or %(prefix)sTWILIO_API_URL.")
_PROXY = _(
    "The outgoing proxy does not let this through. Correct it in the environment variables "
    "TOKEN_SERVER_ENGINE_EXTERNAL_REST_SERVICES_PROXY_…, or let its administrator allow the gateway's host."
)
_UNREACHABLE = _(
    "The gateway cannot be reached from here. See whether its address in %(prefix)s… is right, and whether the network "
    "lets this server out to it."
)
_UNKNOWN = _("The message may have arrived: look at the phone before you send another.")
_OTHER = _("See what the gateway's own log says about this message.")

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
    """Return what to do about a message that the gateway did not take."""
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
    """Say that there is no gateway by the name in the environment."""
    text = _(
        "The SMS gateway “%(name)s” cannot be loaded: %(reason)s. Correct "
        "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY, and restart."
    )
    return str(text) % {"name": settings.SMS_GATEWAY, "reason": reason}
