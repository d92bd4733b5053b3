"""Check that the broker is available."""

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
        text = _("The broker is unavailable: pushes, text messages and callbacks are delayed.")
        remedy = _("Start the broker, allow connections from this server, and check host and password in BROKER_URL.")
        yield Finding(Level.ERROR, about, text, remedy)
    elif MobileAuthenticationType.objects.exists():
        # Without a type nothing is sent, and the command reports that nothing is configured.
        yield Finding(Level.OK, about, _("The broker is available."))
