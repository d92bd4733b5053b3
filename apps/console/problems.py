"""Problems that need attention, for the console's start page."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.callbacks import problems as callbacks
from apps.common.console.admin import format_datetime
from apps.common.console.documents import Document, error, troubleshooting
from apps.common.console.problems import Problem
from apps.console.daily_statistics import HourlyCount, sms_totals
from apps.geocontext import problems as geocontext
from apps.geocontext.services import is_enabled
from apps.outbox.queues import QUEUES
from apps.push.models import PushMessagingConfiguration
from apps.push.problems import problems_of
from apps.system import services as system
from apps.transactions.models import SmsUsage
from apps.transactions.types import Method, MobileAuthenticationType

# A worker claims due deliveries within a second and takes over expired leases within 30 seconds.
OVERDUE_AFTER = timedelta(seconds=60)
# Smaller samples are not significant. Of legitimate messages, most codes are verified.
MIN_SMS_SAMPLE = 20
MIN_VERIFIED_SHARE = 0.5
# SMS pumping can use numbers of many countries; the linked page lists all of them.
MAX_COUNTRIES = 5
SMS_USAGE_PAGE = "admin:transactions_smsusage_changelist"


def problems(counts: Sequence[HourlyCount]) -> Iterator[dict[str, Any]]:
    """Yield the current and upcoming problems of messages and callbacks, each with the page that has the details."""
    if not system.features().mobile_authentication:
        return
    yield from map(asdict, _overdue_deliveries())
    for configuration in PushMessagingConfiguration.objects.all():
        url = reverse("admin:push_pushmessagingconfiguration_change", args=[configuration.pk])
        for problem in problems_of(configuration):
            yield {**asdict(problem), "url": url}
    yield from map(asdict, callbacks.problems())
    yield from map(asdict, _unverified_sms(counts))
    yield from map(asdict, _location_source())


def _overdue_deliveries() -> Iterator[Problem]:
    """Yield a problem if deliveries are overdue. The query per queue uses an index."""
    now = timezone.now()
    waiting = {queue: queue.rows.waiting(now).values_list("due_at", flat=True).first() for queue in QUEUES}
    overdue = {queue: due_at for queue, due_at in waiting.items() if due_at and due_at < now - OVERDUE_AFTER}
    if overdue:
        title = _("Deliveries are overdue")
        text = _(
            "Overdue since %(since)s (UTC): %(queues)s. Start a worker for these queues with “make worker”; if one is "
            "running, add more workers or check its log."
        ) % {
            "since": format_datetime(min(overdue.values())),
            "queues": ", ".join(str(queue.rows._meta.verbose_name_plural) for queue in overdue),
        }
        yield Problem(title, title, text, documents=(troubleshooting("deliveries-are-overdue"),))


def _location_source() -> Iterator[Problem]:
    """Yield the problems of the location source if messages can carry a context."""
    if is_enabled() or MobileAuthenticationType.objects.exclude(method=Method.SMS).exists():
        yield from geocontext.problems()


def _unverified_sms(counts: Sequence[HourlyCount]) -> Iterator[Problem]:
    """Yield the countries where few codes are verified; without any, the total of all countries if it is low."""
    countries = list(_countries_with_unverified_sms())
    if countries:
        yield from countries
        return
    sent, verified = sms_totals(counts)
    if not _is_low(sent, verified):
        return
    title = _("Few SMS codes are verified")
    text = _(
        "In the last 24 hours, codes were sent for %(sent)d transactions and verified for %(verified)d. Messages may "
        "not be delivered, or this may be SMS pumping. Check the portals and users of these transactions."
    ) % {"sent": sent, "verified": verified}
    yield Problem(title, title, text, is_failure=False, url=reverse(SMS_USAGE_PAGE), documents=_sms_documents())


def _countries_with_unverified_sms() -> Iterator[Problem]:
    """Yield the countries where few codes are verified, ordered by the number of unverified codes."""
    yesterday = timezone.now().date() - timedelta(days=1)
    rows = SmsUsage.objects.filter(day__gte=yesterday).order_by().values_list("country")
    totals = rows.annotate(Sum("sent"), Sum("verified"))
    low = [(sent - verified, country, sent, verified) for country, sent, verified in totals if _is_low(sent, verified)]
    for _unverified, country, sent, verified in sorted(low, reverse=True)[:MAX_COUNTRIES]:
        title = _("Few SMS codes sent to %(country)s are verified") % {"country": country}
        text = _(
            "Since yesterday, %(sent)d messages were sent to %(country)s and %(verified)d codes were verified. "
            "Messages may not be delivered there, or this may be SMS pumping. Check the portals that sent them. "
            "Countries can be blocked under General."
        ) % {"country": country, "sent": sent, "verified": verified}
        url = reverse(SMS_USAGE_PAGE, query={"country": country})
        yield Problem(title, title, text, is_failure=False, url=url, documents=_sms_documents())


def _sms_documents() -> tuple[Document, ...]:
    return troubleshooting("few-sms-codes-are-verified"), error("3001"), error("1429")


def _is_low(sent: int, verified: int) -> bool:
    return sent >= MIN_SMS_SAMPLE and verified < sent * MIN_VERIFIED_SHARE
