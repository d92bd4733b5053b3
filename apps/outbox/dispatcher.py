"""Dispatcher of a queue: claims due deliveries and passes them to threads, fairly between concurrency keys."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from heapq import heappop, heappush
from typing import Any
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from apps.outbox import claims
from apps.outbox.due_rows import CLAIM_ROWS, DueRow, DueRows
from apps.outbox.loops import LoopThread, log_error
from apps.outbox.models import Delivery

MIN_IN_FLIGHT_PER_KEY = 2
# Longest pause of a dispatcher without a notification, and shortest pause before the next due row.
POLL_SECONDS = 1.0
MIN_PAUSE_SECONDS = 0.05

Deliver = Callable[[Sequence[Any]], Iterator[Sequence[Any]]]


def deliver_individually(deliver: Callable[[Any], None]) -> Deliver:
    """Return a function that delivers the rows of a batch one after the other with `deliver`."""

    def run(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
        for row in rows:
            deliver(row)
            yield [row]

    return run


class Dispatcher:
    """Dispatcher that keeps up to `slots` deliveries of one queue in flight.

    A thread delivers up to `batch_size` rows with the same concurrency key. `deliver` yields the rows whose results are
    recorded, which frees their slots.

    Each concurrency key can have two deliveries in flight. It can start more while it has fewer in flight than slots
    are free. A single key therefore uses half of the slots, and slow receivers never occupy all slots.
    """

    def __init__(self, queue: type[Delivery], deliver: Deliver, *, slots: int = 64, batch_size: int = 1) -> None:
        self.queue = queue
        self._deliver = deliver
        self._slots = slots
        self._batch_size = batch_size
        self._due_rows = DueRows(queue)
        self._has_more_rows = True
        # Times of later rows, the earliest first: those of the last look, and the retries of this worker.
        self._later: list[datetime] = []
        self._retries: list[datetime] = []
        self._looked_at = float("-inf")
        self._dispatched_at = timezone.now()
        self._freed_slots = 0
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        name = queue._meta.label_lower
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=name)
        self._loop = LoopThread(f"dispatcher {name}", self._step)
        self.start, self.wake, self.halt = self._loop.start, self._loop.wake, self._loop.halt

    def join(self) -> None:
        """Wait for the deliveries in flight."""
        self._loop.join()
        self._pool.shutdown(wait=True)

    def _step(self) -> float:
        return 0 if self.dispatch() and self._has_more_rows else self._pause_seconds()

    def dispatch(self) -> int:
        """Claim the rows that can start now, pass them to the threads and return their number."""
        # Set before the query, so that a delivery that ends meanwhile wakes the dispatcher.
        self._has_more_rows = True
        self._dispatched_at = timezone.now()
        with self._lock:
            self._freed_slots = 0
            in_flight = Counter(self._in_flight)
        rows = self._claim_first(in_flight)
        if len(rows) != 1 or time.monotonic() - self._looked_at > POLL_SECONDS:
            selected = self._select(in_flight)
            rows += claims.claim(self.queue, selected) if selected else []
        close_old_connections()
        with self._lock:
            self._in_flight.update(row.concurrency_key for row in rows)
        for batch in self._batches(rows):
            self._pool.submit(self._deliver_batch, batch)
        return len(rows)

    def _claim_first(self, in_flight: Counter[str]) -> list[Delivery]:
        """Claim the first due rows without a look at them if nothing is in flight, so that no key has too many.

        One row is then the only one that is due. This spares a third of the statements of a delivery at low load.
        """
        if in_flight:
            return []
        rows = claims.claim_first(self.queue, MIN_IN_FLIGHT_PER_KEY, since=self._due_rows.seen_until)
        in_flight.update(row.concurrency_key for row in rows)
        self._has_more_rows = False
        return rows

    def _select(self, in_flight: Counter[str]) -> list[UUID]:
        """Return due rows to start: first of keys with fewer than two in flight, then of keys that can have more."""
        free = self._slots - in_flight.total()
        busy = {key for key, count in in_flight.items() if count >= MIN_IN_FLIGHT_PER_KEY}
        full = {key for key in busy if in_flight[key] >= free}
        due = self._due_rows.select(full)
        # Rows of keys with fewer than two in flight can be behind a backlog of others.
        first = self._due_rows.select(busy).rows if due.is_truncated and busy != full else due.rows
        selected: dict[UUID, None] = {}
        self._add_startable(first, in_flight, selected, lambda count, _free: count < MIN_IN_FLIGHT_PER_KEY)
        self._add_startable(due.rows, in_flight, selected, lambda count, free: count < free)
        self._has_more_rows = due.is_truncated or bool(full) or len(due.rows) > len(selected)
        self._later, self._looked_at = due.later, time.monotonic()
        self._due_rows.mark_seen(due, selected)
        return list(selected)

    def _add_startable(
        self,
        rows: Sequence[DueRow],
        in_flight: Counter[str],
        selected: dict[UUID, None],
        can_start: Callable[[int, int], bool],
    ) -> None:
        """Add rows to `selected` if `can_start` is true for the number in flight of their key and of free slots."""
        free = self._slots - in_flight.total()
        for row in rows:
            key = row.concurrency_key
            if free > 0 and len(selected) < CLAIM_ROWS and row.pk not in selected and can_start(in_flight[key], free):
                in_flight[key] += 1
                free -= 1
                selected[row.pk] = None

    def _batches(self, rows: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
        by_key: dict[str, list[Delivery]] = {}
        for row in rows:
            by_key.setdefault(row.concurrency_key, []).append(row)
        for batch in by_key.values():
            for first in range(0, len(batch), self._batch_size):
                yield batch[first : first + self._batch_size]

    def _deliver_batch(self, rows: Sequence[Delivery]) -> None:
        remaining = {row.pk: row for row in rows}
        try:
            for completed in self._deliver(rows):
                self._release([remaining.pop(row.pk) for row in completed], is_last=not remaining)
        except Exception as error:  # noqa: BLE001 - logged
            # The rows stay claimed and are due again when their lease ends.
            for pk in remaining:
                log_error("delivery_error", error, queue=self.queue._meta.label_lower, delivery=str(pk))
        finally:
            close_old_connections()
            if remaining:
                self._release(list(remaining.values()), is_last=True)

    def _release(self, rows: Sequence[Delivery], *, is_last: bool) -> None:
        """Free the slots of rows. Wake the dispatcher once per batch instead of once per row."""
        with self._lock:
            for row in rows:
                if row.retry_at:
                    heappush(self._retries, row.retry_at)
            self._in_flight.subtract(row.concurrency_key for row in rows)
            # Removes counts of zero.
            self._in_flight += Counter()
            self._freed_slots += len(rows)
            is_batch_free = is_last or self._freed_slots >= self._batch_size
        if self._has_more_rows and is_batch_free:
            self.wake()

    def _pause_seconds(self) -> float:
        """Return the seconds until the next row is due, at most POLL_SECONDS."""
        # Rows that have become due since then were not looked at.
        since = self._dispatched_at
        with self._lock:
            is_waiting_for_slot = self._in_flight.total() > 0 and self._has_more_rows
            while self._retries and self._retries[0] <= since:
                heappop(self._retries)
            times = [*self._retries[:1], *[at for at in self._later if at > since][:1]]
        # Due rows without a free slot need no poll: a delivery that ends wakes the dispatcher.
        if is_waiting_for_slot or not times:
            return POLL_SECONDS
        return min(max((min(times) - timezone.now()).total_seconds(), MIN_PAUSE_SECONDS), POLL_SECONDS)
