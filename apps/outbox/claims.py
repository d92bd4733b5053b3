"""Claims of due deliveries, and the results of their attempts. Results are recorded only while the claim is valid."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, models, transaction
from django.utils import timezone

from apps.common import statements
from apps.outbox import postgresql
from apps.outbox.models import Delivery, State, attempt_model

# Longer than the longest attempt (access token and push: 19 s, callback: 13 s). Shorter than the 30 s after which the
# deliveries of a terminated worker must be claimed again.
LEASE_SECONDS = 24

D = TypeVar("D", bound=Delivery)


def claim(queue: type[D], ids: Collection[uuid.UUID]) -> list[D]:
    """Claim the rows that are due and not claimed by another worker, store their attempts, and return the rows."""
    now = timezone.now()
    leased_until = now + timedelta(seconds=LEASE_SECONDS)
    if connection.vendor == "postgresql":
        return postgresql.claim(queue, ids, now, leased_until)
    return _claim(queue.due(now).filter(pk__in=ids), now, leased_until)


def claim_first(queue: type[D], limit: int, *, since: datetime) -> list[D]:
    """Claim the first due rows of a queue, and return them. Earlier rows than `since` are not considered."""
    now = timezone.now()
    leased_until = now + timedelta(seconds=LEASE_SECONDS)
    if connection.vendor == "postgresql":
        return postgresql.claim_first(queue, limit, since, now, leased_until)
    return _claim(queue.due(now).filter(due_at__gte=since)[:limit], now, leased_until)


def _claim(due: models.QuerySet[D], now: datetime, leased_until: datetime) -> list[D]:
    queue = due.model
    with transaction.atomic():
        rows = list(due)
        token = uuid.uuid4()
        queue._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            claim=token, leased_until=leased_until, attempts_made=models.F("attempts_made") + 1
        )
        for row in rows:
            row.claim, row.leased_until, row.attempts_made = token, leased_until, row.attempts_made + 1
            row.attempt = attempt_model(queue)(delivery=row, number=row.attempts_made, started_at=now)
        attempt_model(queue)._default_manager.bulk_create(row.attempt for row in rows)
    return rows


@dataclass(frozen=True)
class AttemptResult:
    """Result of an attempt: its outcome, reason (text) and HTTP status.

    With `due_at`, the delivery is retried at that time. `extra_fields` are fields of the queue's own attempt model.
    `event` is inserted if the result is recorded.
    """

    row: Delivery
    state: State
    outcome: str
    reason: str = ""
    status: int | None = None
    due_at: datetime | None = None
    extra_fields: Mapping[str, Any] = field(default_factory=dict)
    event: models.Model | None = None


def record_results(results: Sequence[AttemptResult]) -> set[uuid.UUID]:
    """Record attempt results of one queue with their events. Return the ids of the rows whose claim was still valid.

    Results of other rows are discarded. Effects of the results belong in the same database transaction.
    """
    now = timezone.now()
    for result in results:
        _complete_attempt(result, now)
    if connection.vendor == "postgresql":
        return postgresql.record(results, now)
    with transaction.atomic():
        return _record_individually(results, now)


def _complete_attempt(result: AttemptResult, now: datetime) -> None:
    attempt, result.row.retry_at = result.row.attempt, result.due_at
    attempt.outcome, attempt.reason, attempt.status = result.outcome, result.reason[:500], result.status
    attempt.duration_ms = max(int((now - attempt.started_at).total_seconds() * 1000), 0)
    for name, value in result.extra_fields.items():
        setattr(attempt, name, value)


def _record_individually(results: Sequence[AttemptResult], now: datetime) -> set[uuid.UUID]:
    recorded = set[uuid.UUID]()
    for result in results:
        row = type(result.row)._default_manager.filter(pk=result.row.pk, claim=result.row.claim, state=State.DUE)
        changes: dict[str, Any] = {"due_at": result.due_at} if result.due_at else {"ended_at": now}
        if row.update(claim=None, leased_until=None, state=result.state, **changes):
            recorded.add(result.row.pk)
            result.row.attempt.save()
            if result.event:
                statements.insert(result.event)
    return recorded
