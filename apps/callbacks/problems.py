"""Addresses that keep failing, for whoever looks at the console."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from apps.callbacks import remedies
from apps.callbacks.models import CallbackEndpoint, FailingCallbackUrl
from apps.common.console.admin import format_datetime
from apps.common.console.problems import Problem
from apps.events.changes import redact_urls

# Portals may name an address of its own for every login: one fault, and very many rows.
MAX_LISTED = 5


def failing_urls() -> QuerySet[FailingCallbackUrl]:
    """Return the addresses whose calls have failed several times in a row, those that failed last first."""
    recent = {
        "failures__gte": FailingCallbackUrl.ALERT_THRESHOLD,
        "last_failed_at__gte": timezone.now() - FailingCallbackUrl.ALERT_WINDOW,
    }
    return FailingCallbackUrl.objects.filter(**recent).order_by("-last_failed_at")


def problems() -> list[Problem]:
    """Name at most five failing addresses, each with the page where one sees more; a last line for the others."""
    rows = list(failing_urls()[: MAX_LISTED + 1])
    listed = [_problem(row, page) for row, page in _with_pages(rows[:MAX_LISTED])]
    if len(rows) > MAX_LISTED:
        listed.append(_more())
    return listed


def endpoint_problems(endpoint: CallbackEndpoint) -> list[Problem]:
    """Return what is wrong with the address of an endpoint: one problem or none."""
    return [_problem(row, "") for row in failing_urls().filter(url=endpoint.url)]


def _with_pages(rows: Sequence[FailingCallbackUrl]) -> list[tuple[FailingCallbackUrl, str]]:
    """Pair addresses with where more is seen: their endpoint, or their deliveries where there is none."""
    named = CallbackEndpoint.objects.filter(url__in=[row.url for row in rows])
    endpoints = dict(named.values_list("url", "pk"))
    deliveries = "admin:callbacks_callbackdelivery_changelist"
    return [
        (
            row,
            reverse("admin:callbacks_callbackendpoint_change", args=[endpoints[row.url]])
            if row.url in endpoints
            else reverse(deliveries, query={"url": row.url}),
        )
        for row in rows
    ]


def _problem(row: FailingCallbackUrl, page: str) -> Problem:
    values = {
        "url": redact_urls(row.url),
        "count": row.failures,
        "since": format_datetime(row.failing_since),
        "reason": remedies.translate_reason(row.reason) or _("no reason was given"),
        "remedy": remedies.remedy_for(row.reason),
    }
    text = ngettext_lazy(
        "%(count)d call in a row has failed, the first on %(since)s (UTC). The last reason: %(reason)s. %(remedy)s",
        "%(count)d calls in a row have failed, the first on %(since)s (UTC). The last reason: %(reason)s. %(remedy)s",
        row.failures,
    )
    title = _("Callbacks to %(url)s fail")
    return Problem(summary(row.failing_since, row.reason), title % values, text % values, url=page)


def summary(since: datetime, reason: str) -> str:
    """Say it in the room that a list has."""
    return _("Fails since %(since)s: %(reason)s") % {
        "since": format_datetime(since),
        "reason": remedies.translate_reason(reason),
    }


def _more() -> Problem:
    title = _("Callbacks to more addresses fail")
    text = _("Only those that failed last are named here. The failed callbacks show them all.")
    page = reverse("admin:callbacks_callbackdelivery_changelist", query={"state": "failed"})
    return Problem(title, title, text, url=page)
