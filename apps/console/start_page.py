"""Content of the console's start page: problems, setup steps and the transactions of the last 24 hours."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from apps.console import checklist, daily_statistics, problems
from apps.console.daily_statistics import HourlyCount
from apps.events.console import devices
from apps.events.models import Event
from apps.transactions.models import Status

MAX_EVENTS = 6


def context(user: User | AnonymousUser) -> dict[str, Any]:
    """Return the content that the account has permission to view."""
    counts = daily_statistics.hourly_counts()
    page_context: dict[str, Any] = {
        "outcomes": outcomes(counts),
        "charts": daily_statistics.charts(counts),
        "chart_options": daily_statistics.CHART_OPTIONS,
        "hours": daily_statistics.hourly_table(counts),
    }
    if user.has_perm("system.view_features"):
        steps = list(checklist.steps(user))
        page_context |= {
            "problems": list(problems.problems(counts)),
            "steps": steps,
            "steps_done": sum(step.is_done for step in steps),
        }
    if user.has_perm("events.view_event"):
        page_context["last_events"] = events = list(Event.objects.all()[:MAX_EVENTS])
        devices.attach(events)
    return page_context


def outcomes(hourly_counts: Sequence[HourlyCount]) -> list[dict[str, Any]]:
    """Return the number of transactions of the last 24 hours for each status."""
    counts = daily_statistics.count_by_status(hourly_counts)
    url = reverse("admin:transactions_transaction_changelist")
    return [
        {"status": status.value, "label": status.label, "count": counts[status], "url": f"{url}?status={status}"}
        for status in Status
    ]
