"""Tracking of callback URLs that fail repeatedly, for the alert of the console."""

from collections.abc import Sequence

from django.db.models import F
from django.utils import timezone

from apps.callbacks import kinds
from apps.callbacks.models import FailingCallbackUrl
from apps.callbacks.transport import CallbackResult
from apps.common.statements import AnyOf, Select

FAILING_URLS = Select(lambda urls: FailingCallbackUrl.objects.filter(AnyOf("url", urls)).order_by().values_list("pk"))


def record(results: Sequence[tuple[str, CallbackResult]], kind: str = kinds.PORTAL) -> None:
    """Count consecutive failures by URL; a success deletes the row. `results` must be in chronological order."""
    latest = dict(results)
    recovered = [url for url, result in latest.items() if result.delivered]
    # Most URLs have no row: a query without locks comes first.
    if recovered and (ids := [pk for (pk,) in FAILING_URLS.tuples(urls=recovered)]):
        FailingCallbackUrl.objects.filter(pk__in=ids).delete()
    for url, result in latest.items():
        if not result.delivered:
            failures = sum(1 for other, attempt in results if other == url and not attempt.delivered)
            _count_failures(url, failures, result, kind)


def _count_failures(url: str, failures: int, result: CallbackResult, kind: str) -> None:
    now = timezone.now()
    values = {
        "kind": kind,
        "reason": result.reason[:500],
        "error_kind": result.error_kind or "",
        "status": result.status,
        "last_failed_at": now,
    }
    if not FailingCallbackUrl.objects.filter(url=url).update(failures=F("failures") + failures, **values):
        created = FailingCallbackUrl(url=url, failures=failures, failing_since=now, **values)
        FailingCallbackUrl.objects.bulk_create([created], ignore_conflicts=True)
