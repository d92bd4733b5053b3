"""Addresses that keep failing, for whoever looks at the console."""

from collections.abc import Sequence

from django.db.models import F
from django.utils import timezone

from apps.callbacks.models import FailingCallbackUrl
from apps.callbacks.transport import CallbackResult


def record(results: Sequence[tuple[str, CallbackResult]]) -> None:
    """Count failures in a row by address; a success ends the count. `results` in the order in which they came."""
    latest = dict(results)
    recovered = [url for url, result in latest.items() if result.delivered]
    # Rarely there is one: looked at first, so that nobody's row is locked in vain.
    if ids := list(FailingCallbackUrl.objects.filter(url__in=recovered).values_list("pk", flat=True)):
        FailingCallbackUrl.objects.filter(pk__in=ids).delete()
    for url, result in latest.items():
        if not result.delivered:
            failures = sum(1 for other, attempt in results if other == url and not attempt.delivered)
            _count_failures(url, failures, result.reason[:500])


def _count_failures(url: str, failures: int, reason: str) -> None:
    existing = FailingCallbackUrl.objects.filter(url=url)
    now = timezone.now()
    if not existing.update(failures=F("failures") + failures, reason=reason, last_failed_at=now):
        created = FailingCallbackUrl(url=url, failures=failures, reason=reason, failing_since=now, last_failed_at=now)
        FailingCallbackUrl.objects.bulk_create([created], ignore_conflicts=True)
