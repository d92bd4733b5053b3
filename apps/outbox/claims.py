"""Claiming due rows, and recording the results of their attempts. Recording succeeds only while the claim is valid."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from django.db import models, transaction
from django.utils import timezone

from apps.outbox.models import Delivery, State

# Longer than the longest call (token exchange and message: 19 s, a callback: 13 s), shorter than the 30 s within which
# what a dead worker held is claimed again.
LEASE_SECONDS = 24

D = TypeVar("D", bound=Delivery)


def claim(queue: type[D], ids: Collection[uuid.UUID]) -> list[D]:
    """Claim the due rows that no other worker claims, and store their attempts, in one short transaction."""
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
    """Result of an attempt: `reason` is a text, `status` of HTTP; with `due_at` the delivery is retried then.

    `more` are further fields of the queue's own attempts.
    """

    row: Delivery
    state: State
    outcome: str
    reason: str = ""
    status: int | None = None
    due_at: datetime | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def record_results(results: Sequence[AttemptResult]) -> set[uuid.UUID]:
    """Record results of attempts of one queue and return the ids of the rows whose claim was still valid.

    Nothing is written for the others. Must run in a transaction, together with all else that the results change.
    """
    queue = type(results[0].row)
    ids, claims = [result.row.pk for result in results], {result.row.claim for result in results}
    mine = queue._default_manager.filter(pk__in=ids, claim__in=claims, state=State.DUE)
    held = set(mine.select_for_update().values_list("pk", flat=True))
    judged = [result for result in results if result.row.pk in held]
    for (state, due_at), pks in _by_change(judged).items():
        changes: dict[str, Any] = {"due_at": due_at} if due_at else {"ended_at": timezone.now()}
        queue._default_manager.filter(pk__in=pks).update(claim=None, state=state, **changes)
    if judged:
        _write_attempts(judged)
    return held


def _by_change(results: Sequence[AttemptResult]) -> dict[tuple[State, datetime | None], list[uuid.UUID]]:
    found: dict[tuple[State, datetime | None], list[uuid.UUID]] = {}
    for result in results:
        found.setdefault((result.state, result.due_at), []).append(result.row.pk)
    return found


def _write_attempts(results: Sequence[AttemptResult]) -> None:
    """Complete the attempts that the claims stored, many in one statement."""
    now, names = timezone.now(), ["outcome", "reason", "status", "duration_ms"]
    for result in results:
        attempt = result.row.attempt
        attempt.outcome, attempt.reason, attempt.status = result.outcome, result.reason[:500], result.status
        attempt.duration_ms = max(int((now - attempt.started_at).total_seconds() * 1000), 0)
        for name, value in result.more.items():
            setattr(attempt, name, value)
    attempt_model(type(results[0].row))._default_manager.bulk_create(
        [result.row.attempt for result in results],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*names, *results[0].more],
    )


def attempt_model(queue: type[Delivery]) -> type[Any]:
    """Return the queue's model of attempts: the one whose `delivery` points at it with `related_name="attempts"`."""
    return cast(type[Any], queue.attempts.rel.related_model)
