"""Claims of due deliveries, and the results of their attempts. Results are recorded only while the claim is valid."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from django.db import models, transaction
from django.utils import timezone

from apps.outbox.models import Delivery, State

# Longer than the longest attempt (access token and push: 19 s, callback: 13 s). Shorter than the 30 s after which the
# deliveries of a terminated worker must be claimed again.
LEASE_SECONDS = 24

D = TypeVar("D", bound=Delivery)


def claim(queue: type[D], ids: Collection[uuid.UUID]) -> list[D]:
    """Claim the rows that are due and not locked by another worker, store their attempts, and return the rows."""
    now = timezone.now()
    with transaction.atomic():
        rows = list(queue.due(now).filter(pk__in=ids).select_for_update(skip_locked=True))
        token = uuid.uuid4()
        queue._default_manager.filter(pk__in=[row.pk for row in rows]).update(
            claim=token,
            due_at=now + timedelta(seconds=LEASE_SECONDS),
            attempts_made=models.F("attempts_made") + 1,
        )
        for row in rows:
            row.claim, row.attempts_made = token, row.attempts_made + 1
            row.attempt = attempt_model(queue)(delivery=row, number=row.attempts_made, started_at=now)
        attempt_model(queue)._default_manager.bulk_create(row.attempt for row in rows)
    return rows


@dataclass(frozen=True)
class AttemptResult:
    """Result of an attempt: its outcome, reason (text) and HTTP status.

    With `due_at`, the delivery is retried at that time. `extra_fields` are fields of the queue's own attempt model.
    """

    row: Delivery
    state: State
    outcome: str
    reason: str = ""
    status: int | None = None
    due_at: datetime | None = None
    extra_fields: Mapping[str, Any] = field(default_factory=dict)


def record_results(results: Sequence[AttemptResult]) -> set[uuid.UUID]:
    """Record attempt results of one queue and return the ids of the rows whose claim was still valid.

    Results of other rows are discarded. The caller must open a transaction that includes all effects of the results.
    """
    queue = type(results[0].row)
    ids, claims = [result.row.pk for result in results], {result.row.claim for result in results}
    claimed = queue._default_manager.filter(pk__in=ids, claim__in=claims, state=State.DUE)
    recorded = set(claimed.select_for_update().values_list("pk", flat=True))
    valid = [result for result in results if result.row.pk in recorded]
    for (state, due_at), pks in _group_by_change(valid).items():
        changes: dict[str, Any] = {"due_at": due_at} if due_at else {"ended_at": timezone.now()}
        queue._default_manager.filter(pk__in=pks).update(claim=None, state=state, **changes)
    if valid:
        _complete_attempts(valid)
    return recorded


def _group_by_change(results: Sequence[AttemptResult]) -> dict[tuple[State, datetime | None], list[uuid.UUID]]:
    groups: dict[tuple[State, datetime | None], list[uuid.UUID]] = {}
    for result in results:
        groups.setdefault((result.state, result.due_at), []).append(result.row.pk)
    return groups


def _complete_attempts(results: Sequence[AttemptResult]) -> None:
    """Write the results to the attempts that the claims have stored, in one statement."""
    now, names = timezone.now(), ["outcome", "reason", "status", "duration_ms"]
    for result in results:
        attempt = result.row.attempt
        attempt.outcome, attempt.reason, attempt.status = result.outcome, result.reason[:500], result.status
        attempt.duration_ms = max(int((now - attempt.started_at).total_seconds() * 1000), 0)
        for name, value in result.extra_fields.items():
            setattr(attempt, name, value)
    attempt_model(type(results[0].row))._default_manager.bulk_create(
        [result.row.attempt for result in results],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*names, *results[0].extra_fields],
    )


def attempt_model(queue: type[Delivery]) -> type[Any]:
    """Return the attempt model of a queue: its `delivery` refers to the queue with `related_name="attempts"`."""
    return cast(type[Any], queue.attempts.rel.related_model)
