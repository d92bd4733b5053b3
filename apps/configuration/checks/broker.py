"""Whether the broker answers."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _
from kombu.utils.url import url_to_parts

from apps.common.findings import Finding, Level
from apps.outbox import broker
from apps.transactions.types import MobileAuthenticationType


def check() -> Iterator[Finding]:
    if not settings.BROKER_URL:
        return
    parts = url_to_parts(settings.BROKER_URL)
    about = _("broker %(host)s") % {"host": f"{parts.hostname or ''}:{parts.port or 6379}"}
    if not broker.is_reachable():
        text = _("It does not answer: pushes, text messages and callbacks go out late.")
        remedy = _("See that it runs and lets this server in, and that address and password in BROKER_URL are right.")
        yield Finding(Level.ERROR, about, text, remedy)
    elif MobileAuthenticationType.objects.exists():
        # Before there is a type nothing is ever sent, and "nothing is configured yet" says more.
        yield Finding(Level.OK, about, _("It answers."))
