"""What needs somebody's attention, for the console's start page."""

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
from apps.common.console.problems import Problem
from apps.console.daily_statistics import Slice, texts_sent
from apps.geocontext import problems as geocontext
from apps.geocontext.services import is_enabled
from apps.outbox.queues import QUEUES
from apps.push.models import PushMessagingConfiguration
from apps.push.problems import problems_of
from apps.system import services as system
from apps.transactions.models import SmsUsage
from apps.transactions.types import Method, MobileAuthenticationType

# A worker takes what is due within a second, and goes on with what a dead one held within half a minute.
LATE_AFTER = timedelta(seconds=60)
# Fewer texts say nothing; of those that are wanted, most come back as a code.
TEXTS_WORTH_A_LOOK = 20
LOW_SHARE = 0.5
# Whoever is paid for texts may use numbers of many countries; the page that is linked to shows them all.
COUNTRIES_SHOWN = 5
BY_DAY = "admin:transactions_smsusage_changelist"


def problems(day: Sequence[Slice]) -> Iterator[dict[str, Any]]:
    """Yield what keeps messages and callbacks from arriving or soon will, each with the page where more is seen."""
    if not system.features().mobile_authentication:
        return
    yield from map(asdict, _worker())
    for configuration in PushMessagingConfiguration.objects.all():
        url = reverse("admin:push_pushmessagingconfiguration_change", args=[configuration.pk])
        for problem in problems_of(configuration):
            yield {**asdict(problem), "url": url}
    yield from map(asdict, callbacks.problems())
    yield from map(asdict, _texts(day))
    yield from map(asdict, _locations())


def _worker() -> Iterator[Problem]:
    """Say that due deliveries lie there; the oldest of each queue is one look into an index."""
    now = timezone.now()
    due = {queue: queue.rows.next_due_at() for queue in QUEUES}
    late = {queue: due_at for queue, due_at in due.items() if due_at and due_at < now - LATE_AFTER}
    if late:
        title = _("The worker does not deliver")
        text = _(
            "Waiting since %(since)s (UTC): %(queues)s. No worker runs, or it cannot keep up, or it does not listen to "
            "these queues. Start one with “make worker”; why one ended stands in its log."
        ) % {
            "since": format_datetime(min(late.values())),
            "queues": ", ".join(str(queue.rows._meta.verbose_name_plural) for queue in late),
        }
        yield Problem(title, title, text)


def _locations() -> Iterator[Problem]:
    """That there is no source is told once there are messages that could carry a context."""
    if is_enabled() or MobileAuthenticationType.objects.exclude(method=Method.SMS).exists():
        yield from geocontext.problems()


def _texts(day: Sequence[Slice]) -> Iterator[Problem]:
    """Name the countries where few codes come back; the whole says it where no country has enough texts for that."""
    countries = list(_countries())
    if countries:
        yield from countries
        return
    sent, verified = texts_sent(day)
    if not _is_low(sent, verified):
        return
    title = _("Few text messages come back as a code")
    text = _(
        "In the last 24 hours codes were sent for %(sent)d transactions, and the right one came back for %(verified)d. "
        "Texts may not arrive, or somebody has them sent to numbers that earn money with them: look at which portal "
        "and which users they were for."
    ) % {"sent": sent, "verified": verified}
    yield Problem(title, title, text, is_failure=False, url=reverse(BY_DAY))


def _countries() -> Iterator[Problem]:
    """Yield the countries where few codes come back, those first where most are missing."""
    yesterday = timezone.now().date() - timedelta(days=1)
    rows = SmsUsage.objects.filter(day__gte=yesterday).order_by().values_list("country")
    counts = rows.annotate(Sum("sent"), Sum("verified"))
    low = [(sent - verified, country, sent, verified) for country, sent, verified in counts if _is_low(sent, verified)]
    for _missing, country, sent, verified in sorted(low, reverse=True)[:COUNTRIES_SHOWN]:
        title = _("Few text messages to %(country)s come back as a code") % {"country": country}
        text = _(
            "Since yesterday %(sent)d text messages were sent to %(country)s, and the right code came back for "
            "%(verified)d. Texts may not arrive there, or somebody has them sent to numbers that earn money with them: "
            "look at which portal they were for. Countries that should get none can be shut out under General."
        ) % {"country": country, "sent": sent, "verified": verified}
        yield Problem(title, title, text, is_failure=False, url=reverse(BY_DAY, query={"country": country}))


def _is_low(sent: int, verified: int) -> bool:
    return sent >= TEXTS_WORTH_A_LOOK and verified < sent * LOW_SHARE
