"""The SMS gateway, where text messages are sent at all: its settings, and whether its provider takes them."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

from apps.common.findings import Finding, Level
from apps.sms import services as sms
from apps.sms.checks import check_gateway, check_settings
from apps.sms.gateways.base import SmsOutcome, SmsResult
from apps.sms.remedies import remedy
from apps.transactions.types import Method, MobileAuthenticationType


def check() -> Iterator[Finding]:
    if not MobileAuthenticationType.objects.filter(method=Method.SMS).exists():
        return
    about = _("SMS gateway “%(name)s”") % {"name": settings.SMS_GATEWAY}
    messages: list[checks.CheckMessage] = [*check_gateway(), *check_settings()]
    for message in messages:
        # A missing setting is a warning to whoever sends no text messages; here there is a type that does.
        yield Finding(Level.ERROR, about, str(message.msg), str(message.hint or ""))
    if not messages:
        yield _probe(about)


def _probe(about: str) -> Finding:
    result = sms.probe()
    if result is None:
        return Finding(Level.OK, about, _("It has all the settings that it needs; send_test_sms tries it."))
    values = {"reason": result.reason}
    if result.outcome == SmsOutcome.ACCEPTED:
        return Finding(Level.OK, about, _accepted_text(result))
    if result.outcome == SmsOutcome.RETRY and result.status:
        text = _("It is busy or out of order, so nothing could be tried (%(reason)s).")
        return Finding(Level.WARNING, about, text % values, remedy(result))
    text = _("It cannot be reached (%(reason)s).") if result.status is None else _("It refuses this (%(reason)s).")
    return Finding(Level.ERROR, about, text % values, remedy(result))


def _accepted_text(result: SmsResult) -> str:
    if result.status:
        return _("It can be reached and takes the credentials; send_test_sms tries the rest.")
    return _("It, or the proxy before it, takes connections; send_test_sms tries the rest.")
