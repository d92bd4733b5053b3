"""Problems of callbacks for the console: URLs that fail repeatedly."""

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
from apps.common.console.documents import Document, troubleshooting
from apps.common.console.problems import Problem
from apps.events.changes import redact_urls

# A portal may use another URL for every login, so one failure can affect many URLs.
MAX_LISTED = 5


def failing_urls() -> QuerySet[FailingCallbackUrl]:
    """Return the URLs with repeated recent failures, most recent failure first."""
    recent = {
        "failures__gte": FailingCallbackUrl.ALERT_THRESHOLD,
        "last_failed_at__gte": timezone.now() - FailingCallbackUrl.ALERT_WINDOW,
    }
    return FailingCallbackUrl.objects.filter(**recent).order_by("-last_failed_at")


def problems() -> list[Problem]:
    """Return a problem for each of at most five failing URLs, with a link to details, and one for all others."""
    rows = list(failing_urls()[: MAX_LISTED + 1])
    listed = [_problem(row, page) for row, page in _with_pages(rows[:MAX_LISTED])]
    if len(rows) > MAX_LISTED:
        listed.append(_more())
    return listed


def endpoint_problems(endpoint: CallbackEndpoint) -> list[Problem]:
    """Return the problem of the endpoint's URL, if any."""
    return [_problem(row, "") for row in failing_urls().filter(url=endpoint.url)]


def _with_pages(rows: Sequence[FailingCallbackUrl]) -> list[tuple[FailingCallbackUrl, str]]:
    """Pair URLs with the console page of their endpoint, or of their deliveries if they have no endpoint."""
    known = CallbackEndpoint.objects.filter(url__in=[row.url for row in rows])
    endpoints = dict(known.values_list("url", "pk"))
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
        "reason": remedies.translate_reason(row.reason) or _("unknown"),
        "remedy": remedies.remedy_for(row.error_kind, row.status, row.kind),
    }
    text = ngettext_lazy(
        "%(count)d callback has failed since %(since)s (UTC). Last reason: %(reason)s. %(remedy)s",
        "%(count)d consecutive callbacks have failed since %(since)s (UTC). Last reason: %(reason)s. %(remedy)s",
        row.failures,
    )
    title = _("Callbacks to %(url)s are failing")
    return Problem(
        summary(row.failing_since, row.reason), title % values, text % values, url=page, documents=_documents()
    )


def summary(since: datetime, reason: str) -> str:
    """Return the problem as a short text for a list."""
    return _("Failing since %(since)s: %(reason)s") % {
        "since": format_datetime(since),
        "reason": remedies.translate_reason(reason),
    }


def _more() -> Problem:
    title = _("Callbacks to more URLs are failing")
    text = _("Only the URLs with the most recent failures are listed. See the failed callbacks for all of them.")
    page = reverse("admin:callbacks_callbackdelivery_changelist", query={"state": "failed"})
    return Problem(title, title, text, url=page, documents=_documents())


def _documents() -> tuple[Document, ...]:
    return (troubleshooting("callbacks-are-failing"),)
