"""The look of a dispatcher at the due rows of its queue: one indexed query, also for the time of the next row."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.utils import timezone

from apps.common.statements import AnyOf, ArrayOf, Select
from apps.outbox.models import Delivery, State

# Rows that a dispatcher claims at once.
CLAIM_ROWS = 100
# Rows of the index that a look reads. It is larger than the number of rows that a few workers have claimed.
INDEX_ROWS = 2000
# How far a look is ahead of the time: the dispatcher waits for the rows that are due within it. It is twice the longest
# time between two looks, because a pause can begin just before the next look.
AHEAD = timedelta(seconds=2)
# Later looks start at this age, because older rows were seen. It is longer than a database transaction that stores a
# delivery, and than the differences between the clocks of several servers.
OVERLAP = timedelta(seconds=10)
# Interval of the looks at all rows, which find the rows whose lease has ended. Lease and interval take less than 30 s.
FULL_LOOK_SECONDS = 3.0
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class DueRow:
    """Row of a queue that is due and not claimed."""

    pk: UUID
    concurrency_key: str
    due_at: datetime


@dataclass(frozen=True)
class Look:
    """Due rows, at most CLAIM_ROWS. `later` are the times of the rows that are due within AHEAD, the earliest first."""

    rows: list[DueRow]
    is_truncated: bool
    excludes_keys: bool
    later: list[datetime]
    at: datetime


def _columns(rows: "models.QuerySet[Delivery]") -> "models.QuerySet[Delivery, Any]":
    return rows.values_list("pk", "concurrency_key", "due_at")[: CLAIM_ROWS + 1]


class DueRows:
    """Due rows of a queue, as a dispatcher sees them.

    Deliveries that were made leave dead entries in the index as long as a snapshot of the database is held, for example
    by a backup. A look therefore starts where the last one found nothing left.
    """

    def __init__(self, queue: type[Delivery]) -> None:
        self._look = Select(self._build(queue))
        self._look_at_others = Select(self._build_excluding(queue))
        self._seen_until = EARLIEST
        self._full_look_at = 0.0

    @staticmethod
    def _build(queue: type[Delivery]) -> Any:
        def build(now: Any, since: Any, until: Any) -> "models.QuerySet[Delivery, Any]":
            return _columns(queue.waiting(now).filter(due_at__gte=since, due_at__lte=until))

        return build

    @staticmethod
    def _build_excluding(queue: type[Delivery]) -> Any:
        """Return the query that excludes keys. It skips their backlog in the index, without reading its rows.

        The candidates are an array, which PostgreSQL evaluates once. Only they have a condition on the state: otherwise
        PostgreSQL reads all due rows while it expects few of them, because most rows are done.
        """

        def build(now: Any, since: Any, until: Any, excluded_keys: Any) -> "models.QuerySet[Delivery, Any]":
            due = queue._default_manager.filter(state=State.DUE, due_at__gte=since, due_at__lte=until)
            others = due.exclude(AnyOf("concurrency_key", excluded_keys)).order_by("due_at")
            candidates = others.values("pk")[:INDEX_ROWS]
            is_postgresql = connection.vendor == "postgresql"
            selected = AnyOf("pk", ArrayOf(candidates)) if is_postgresql else models.Q(pk__in=candidates)
            return _columns(queue._default_manager.filter(queue.unclaimed(now), selected).order_by("due_at"))

        return build

    @property
    def seen_until(self) -> datetime:
        """Return the time from which on rows can be due. At intervals, all rows are looked at."""
        if time.monotonic() > self._full_look_at + FULL_LOOK_SECONDS:
            self._full_look_at, self._seen_until = time.monotonic(), EARLIEST
        return self._seen_until

    def select(self, excluded_keys: Collection[str]) -> Look:
        """Return due rows of all keys except `excluded_keys`, the most overdue first."""
        now = timezone.now()
        times = {"now": now, "since": self.seen_until, "until": now + AHEAD}
        if excluded_keys:
            found = self._look_at_others.tuples(**times, excluded_keys=sorted(excluded_keys))
        else:
            found = self._look.tuples(**times)
        rows = [DueRow(*row) for row in found]
        due = [row for row in rows if row.due_at <= now]
        return Look(
            rows=due[:CLAIM_ROWS],
            is_truncated=len(due) > CLAIM_ROWS,
            excludes_keys=bool(excluded_keys),
            later=sorted(row.due_at for row in rows if row.due_at > now),
            at=now,
        )

    def mark_seen(self, look: Look, selected: Collection[UUID]) -> None:
        """Start later looks after the rows of this one, except those that were not selected."""
        if look.is_truncated or look.excludes_keys:
            return
        left = [row.due_at for row in look.rows if row.pk not in selected]
        self._seen_until = min([look.at - OVERLAP, *left])
