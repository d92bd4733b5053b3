"""Count the transactions of the last 24 hours by hour, method and status, for totals, charts and a table."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Case, CharField, Count, F, Value, When
from django.db.models.functions import TruncHour
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.types import Method

# Counting a busy day is slow, so reloads of the page share one result.
CACHE_SECONDS = 15
# 24 hours touch 25 clock hours: the first and the last are incomplete.
HOURS = 25
# The statuses of a column from bottom to top. console.css has their colours.
STACK_ORDER = (Status.AUTHENTICATED, Status.PENDING, Status.EXPIRED, Status.NOT_AUTHENTICATED, Status.CANCELLED)
# Options of Chart.js, which Unfold draws charts with.
CHART_OPTIONS = json.dumps(
    {
        "animation": False,
        "maintainAspectRatio": False,
        "interaction": {"mode": "index"},
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {"stacked": True, "grid": {"display": False}, "ticks": {"maxTicksLimit": 4, "maxRotation": 0}},
            "y": {"stacked": True, "ticks": {"precision": 0, "maxTicksLimit": 3}},
        },
    }
)


@dataclass(frozen=True)
class HourlyCount:
    """Number of transactions that began in an hour, by method, status and reason."""

    hour: datetime
    method: str
    status: str
    reason: str
    count: int


@dataclass(frozen=True)
class Chart:
    """Chart of one method: `data` of Chart.js as JSON, and `description`, its text alternative."""

    method: str
    label: str
    total: int
    description: str
    data: str


def hourly_counts() -> list[HourlyCount]:
    """Return the counts, at most CACHE_SECONDS old."""
    cached: list[HourlyCount] = cache.get_or_set("console-last-day", _count_transactions, CACHE_SECONDS) or []
    return cached


def _count_transactions() -> list[HourlyCount]:
    now = timezone.now()
    # A pending transaction counts as expired from its expiry on, before the sweep ends it.
    overdue = When(status=Status.PENDING, expires_at__lte=now, then=Value(Status.EXPIRED))
    rows = (
        Transaction.objects.filter(created_at__gte=now - timedelta(hours=24))
        .annotate(
            hour=TruncHour("created_at"),
            outcome=Case(overdue, default=F("status"), output_field=CharField()),
        )
        .order_by()
        .values_list("hour", "method", "outcome", "reason")
        .annotate(count=Count("pk"))
    )
    return [HourlyCount(*row) for row in rows]


def count_by_status(rows: Sequence[HourlyCount]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row.status] += row.count
    return counts


def sms_totals(rows: Sequence[HourlyCount]) -> tuple[int, int]:
    """Return the number of ended SMS transactions whose message was sent, and how many of them were authenticated."""
    ended = {Status.AUTHENTICATED, Status.NOT_AUTHENTICATED, Status.EXPIRED}
    sent = [
        row for row in rows if row.method == Method.SMS and row.status in ended and row.reason != Reason.FAILED_TO_SEND
    ]
    counts = count_by_status(sent)
    return counts.total(), counts[Status.AUTHENTICATED]


def charts(rows: Sequence[HourlyCount]) -> list[Chart]:
    """Return a chart for each method that was used, in the order of the methods."""
    first_hour = timezone.localtime(timezone.now() - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
    by_method = {method: [row for row in rows if row.method == method] for method in Method}
    return [_chart(method, method_rows, first_hour) for method, method_rows in by_method.items() if method_rows]


def _chart(method: Method, rows: Sequence[HourlyCount], first_hour: datetime) -> Chart:
    hours: Counter[datetime] = Counter()
    for row in rows:
        hours[row.hour] += row.count
    [(peak_hour, peak)] = hours.most_common(1)
    counts = count_by_status(rows)
    return Chart(
        method=method.value,
        label=str(method.label),
        total=counts.total(),
        description=_description(method, counts, peak_hour, peak),
        data=json.dumps(_chart_data(rows, first_hour)),
    )


def _description(method: Method, counts: Counter[str], peak_hour: datetime, peak: int) -> str:
    outcomes = ", ".join(f"{status.label} {counts[status]}" for status in STACK_ORDER if counts[status])
    text = _("%(method)s by hour: %(total)d in 24 hours (%(outcomes)s). Peak: %(most)d at %(hour)s (UTC).")
    return text % {
        "method": method.label,
        "total": counts.total(),
        "outcomes": outcomes,
        "hour": date_format(peak_hour, "H:i"),
        "most": peak,
    }


def _chart_data(rows: Sequence[HourlyCount], first_hour: datetime) -> dict[str, Any]:
    """Return a column for each hour and a dataset for each status."""
    hours = [first_hour + timedelta(hours=number) for number in range(HOURS)]
    counts: Counter[tuple[datetime, str]] = Counter()
    for row in rows:
        counts[row.hour, row.status] += row.count
    return {
        "labels": [date_format(hour, "H:i") for hour in hours],
        "datasets": [
            {
                "label": str(status.label),
                "backgroundColor": f"var(--console-chart-{status})",
                "data": [counts[hour, status] for hour in hours],
            }
            for status in STACK_ORDER
        ],
    }


def hourly_table(rows: Sequence[HourlyCount]) -> list[tuple[str, str, list[int]]]:
    """Return a row for each hour and method, newest first, with a count for each status."""
    counts: Counter[tuple[datetime, str, str]] = Counter()
    for row in rows:
        counts[row.hour, row.method, row.status] += row.count
    keys = sorted({(hour, method) for hour, method, _status in counts}, reverse=True)
    return [
        (_day_and_hour(hour), str(Method(method).label), [counts[hour, method, status] for status in Status])
        for hour, method in keys
    ]


def _day_and_hour(hour: datetime) -> str:
    return f"{date_format(hour, 'MONTH_DAY_FORMAT')}, {hour:%H:%M}"
