"""Addresses that keep failing, for whoever looks at the console."""

from collections.abc import Sequence

from django.db.models import F
from django.utils import timezone

from apps.callbacks.models import FailingAddress
from apps.callbacks.transport import Outcome


def note(outcomes: Sequence[tuple[str, Outcome]]) -> None:
    """Count failures in a row by address; a success ends the count. `outcomes` in the order in which they came."""
    last = dict(outcomes)
    recovered = [url for url, outcome in last.items() if outcome.delivered]
    # Rarely there is one: looked at first, so that nobody's row is locked in vain.
    if ids := list(FailingAddress.objects.filter(url__in=recovered).values_list("pk", flat=True)):
        FailingAddress.objects.filter(pk__in=ids).delete()
    for url, outcome in last.items():
        if not outcome.delivered:
            failures = sum(1 for one, what in outcomes if one == url and not what.delivered)
            _count(url, failures, outcome.reason[:500])


def _count(url: str, failures: int, reason: str) -> None:
    known = FailingAddress.objects.filter(url=url)
    now = timezone.now()
    if not known.update(failures=F("failures") + failures, reason=reason, last_failed_at=now):
        first = FailingAddress(url=url, failures=failures, reason=reason, failing_since=now, last_failed_at=now)
        FailingAddress.objects.bulk_create([first], ignore_conflicts=True)
