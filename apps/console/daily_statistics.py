"""The transactions of the last 24 hours, by hour, method and outcome: counted once, for numbers, charts and a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Case, CharField, Count, F, Value, When
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.types import Method

# Counting a busy day takes a while; the page may be reloaded as often as one likes.
COUNTS_SECONDS = 15
# The first and the last clock hour are parts of one.
HOURS = 25
# The size of a chart, in units of its own: a bar takes 10 of its width, with a gap of 2.
BAR_WIDTH, BAR_STEP, CHART_HEIGHT = 8, 10, 40
# What lies lowest in a bar comes first.
STACKED = (Status.AUTHENTICATED, Status.PENDING, Status.EXPIRED, Status.NOT_AUTHENTICATED, Status.CANCELLED)


@dataclass(frozen=True)
class Slice:
    """How many transactions began in an hour, by method, outcome, and reason of the outcome."""

    hour: datetime
    method: str
    status: str
    reason: str
    number: int


@dataclass(frozen=True)
class Bar:
    """A part of a chart's column."""

    status: str
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A method's day: the bars, and the same in words."""

    method: str
    label: str
    total: int
    text: str
    bars: list[Bar]
    width: int = HOURS * BAR_STEP
    height: int = CHART_HEIGHT
    bar_width: int = BAR_WIDTH


def slices() -> list[Slice]:
    """Return the counts, at most COUNTS_SECONDS old."""
    found: list[Slice] = cache.get_or_set("console-last-day", _count, COUNTS_SECONDS) or []
    return found


def _count() -> list[Slice]:
    now = timezone.now()
    # As everywhere: expired from the moment of expiry, whether or not a sweep has run.
    overdue = When(status=Status.PENDING, expires_at__lte=now, then=Value(Status.EXPIRED))
    rows = (
        Transaction.objects.filter(created_at__gte=now - timedelta(hours=24))
        .annotate(
            hour=TruncHour("created_at"),
            outcome=Case(overdue, default=F("status"), output_field=CharField()),
        )
        .order_by()
        .values_list("hour", "method", "outcome", "reason")
        .annotate(number=Count("pk"))
    )
    return [Slice(*row) for row in rows]


def by_status(day: Sequence[Slice]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in day:
        counts[part.status] += part.number
    return counts


def texts_sent(day: Sequence[Slice]) -> tuple[int, int]:
    """Return how many text messages' transactions have ended after a text was sent, and how many by the right code."""
    ended = {Status.AUTHENTICATED, Status.NOT_AUTHENTICATED, Status.EXPIRED}
    sent = [
        part
        for part in day
        if part.method == Method.SMS and part.status in ended and part.reason != Reason.FAILED_TO_SEND
    ]
    counts = by_status(sent)
    return counts.total(), counts[Status.AUTHENTICATED]


def charts(day: Sequence[Slice]) -> list[Chart]:
    """Draw a chart for each method that was used, in the order of the methods."""
    first = timezone.localtime(timezone.now() - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
    by_method = {method: [part for part in day if part.method == method] for method in Method}
    return [_chart(method, parts, first) for method, parts in by_method.items() if parts]


def _chart(method: Method, parts: Sequence[Slice], first: datetime) -> Chart:
    hours: Counter[datetime] = Counter()
    for part in parts:
        hours[part.hour] += part.number
    [(busiest, most)] = hours.most_common(1)
    counts = by_status(parts)
    return Chart(
        method=method.value,
        label=str(method.label),
        total=counts.total(),
        text=_in_words(method, counts, busiest, most),
        bars=list(_bars(parts, first, most)),
    )


def _in_words(method: Method, counts: Counter[str], busiest: datetime, most: int) -> str:
    outcomes = ", ".join(f"{status.label} {counts[status]}" for status in STACKED if counts[status])
    text = _(
        "%(method)s, hour by hour: %(total)d in 24 hours (%(outcomes)s), most of them at %(hour)s (UTC): %(most)d."
    )
    return text % {
        "method": method.label,
        "total": counts.total(),
        "outcomes": outcomes,
        "hour": date_format(busiest, "H:i"),
        "most": most,
    }


def _bars(parts: Sequence[Slice], first: datetime, most: int) -> Iterator[Bar]:
    """Yield the parts of all columns, scaled so that the highest column is as high as the chart."""
    numbers: Counter[tuple[int, str]] = Counter()
    for part in parts:
        numbers[round((part.hour - first) / timedelta(hours=1)), part.status] += part.number
    for column in range(HOURS):
        top = float(CHART_HEIGHT)
        for status in STACKED:
            height = round(numbers[column, status] / most * CHART_HEIGHT, 2)
            top -= height
            if height:
                yield Bar(status.value, column * BAR_STEP, round(top, 2), height)


def table(day: Sequence[Slice]) -> list[tuple[str, str, list[int]]]:
    """Return the hours with their methods, newest first: hour, method, and a number for each status."""
    counts: Counter[tuple[datetime, str, str]] = Counter()
    for part in day:
        counts[part.hour, part.method, part.status] += part.number
    rows = sorted({(hour, method) for hour, method, _status in counts}, reverse=True)
    return [
        (date_format(hour, "j M, H:i"), str(Method(method).label), [counts[hour, method, status] for status in Status])
        for hour, method in rows
    ]
