"""The settings of the SMS gateway, where text messages are sent at all."""

from collections.abc import Iterator

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

from apps.common.findings import Finding, Level
from apps.sms.checks import check_gateway, check_settings
from apps.transactions.types import Method, MobileAuthenticationType


def check() -> Iterator[Finding]:
    if not MobileAuthenticationType.objects.filter(method=Method.SMS).exists():
        return
    about = _("SMS gateway “%(name)s”") % {"name": settings.SMS_GATEWAY}
    messages: list[checks.CheckMessage] = [*check_gateway(), *check_settings()]
    for message in messages:
        # A missing setting is a warning to whoever sends no text messages; here there is a type that does.
        yield Finding(Level.WRONG, about, str(message.msg), str(message.hint or ""))
    if not messages:
        yield Finding(Level.GOOD, about, _("It has all the settings that it needs; send_test_sms tries it."))
