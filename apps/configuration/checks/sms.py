"""Check the settings and credentials of the SMS gateway, if a type sends text messages."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

from apps.common.console.documents import troubleshooting
from apps.common.findings import Finding, Level
from apps.sms import services as sms
from apps.sms.checks import check_gateway, check_settings
from apps.sms.gateways.base import SmsOutcome, SmsResult
from apps.sms.remedies import remedy
from apps.transactions.types import Method, MobileAuthenticationType


def check() -> Iterator[Finding]:
    found = list(check_stored())
    yield from found
    if not found and _sends_text_messages():
        yield _probe(_about())


def check_stored() -> Iterator[Finding]:
    """Yield the errors of the settings, without a connection."""
    if not _sends_text_messages():
        return
    messages: list[checks.CheckMessage] = [*check_gateway(), *check_settings()]
    for message in messages:
        # Without a type that sends text messages, a missing setting is only a warning.
        documents = (troubleshooting("check-configuration"),)
        yield Finding(Level.ERROR, _about(), str(message.msg), str(message.hint or ""), documents)


def _sends_text_messages() -> bool:
    return MobileAuthenticationType.objects.filter(method=Method.SMS).exists()


def _about() -> str:
    return _("SMS gateway “%(name)s”") % {"name": settings.SMS_GATEWAY}


def _probe(about: str) -> Finding:
    result = sms.probe()
    if result is None:
        return Finding(Level.OK, about, _("All settings are present. Test it with send_test_sms."))
    values = {"reason": result.reason}
    if result.outcome == SmsOutcome.ACCEPTED:
        return Finding(Level.OK, about, _accepted_text(result))
    if result.outcome == SmsOutcome.RETRY and result.status:
        text = _("The gateway is temporarily unavailable, so the credentials were not checked (%(reason)s).")
        return Finding(Level.WARNING, about, text % values, remedy(result))
    text = (
        _("The gateway is not reachable (%(reason)s).")
        if result.status is None
        else _("The gateway rejected the request (%(reason)s).")
    )
    return Finding(Level.ERROR, about, text % values, remedy(result))


def _accepted_text(result: SmsResult) -> str:
    if result.status:
        return _("The gateway is reachable and accepts the credentials. Test the delivery with send_test_sms.")
    return _("The gateway or its proxy accepts connections. Test the delivery with send_test_sms.")
