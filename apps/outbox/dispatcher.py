"""The dispatcher of a queue: it claims due rows and hands them to threads, fairly between concurrency keys."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from apps.outbox import claims
from apps.outbox.loops import LoopThread, log_error
from apps.outbox.models import Delivery

CLAIM_ROWS = 100
MIN_IN_FLIGHT_PER_KEY = 2
# How long a dispatcher sleeps at most if it is not woken, and at least before a row that is due soon.
SWEEP_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.05

Deliver = Callable[[Sequence[Any]], Iterator[Sequence[Any]]]


def deliver_individually(deliver: Callable[[Any], None]) -> Deliver:
    """Return a function that delivers rows one after the other with `deliver`."""

    def run(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
        for row in rows:
            deliver(row)
            yield [row]

    return run


class Dispatcher:
    """Keeps up to `slots` deliveries of one queue in flight, rows of one lane (who is called) `at_once` in a thread.

    `deliver` yields the rows whose outcome it has written down, as it comes: their slots are free again.

    Every lane may have two in flight. Beyond that, a lane may start another while it has fewer in flight than are free:
    alone it takes half of the slots, and however many hang, some stay free for those that come later.
    """

    def __init__(self, queue: type[Delivery], deliver: Deliver, *, slots: int = 64, at_once: int = 1) -> None:
        self.queue = queue
        self._deliver = deliver
        self._slots = slots
        self._at_once = at_once
        self._has_more_rows = True
        self._freed_slots = 0
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        name = queue._meta.label_lower
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=name)
        self._loop = LoopThread(f"dispatcher {name}", self._step)
        self.start, self.wake, self.halt = self._loop.start, self._loop.wake, self._loop.halt

    def join(self) -> None:
        """Wait for what is in flight."""
        self._loop.join()
        self._pool.shutdown(wait=True)

    def _step(self) -> float:
        return 0 if self.dispatch() and self._has_more_rows else self._pause_seconds()

    def dispatch(self) -> int:
        """Claim what may start now and hand it to the threads; returns how many."""
        # Until it is known that none are remaining, whoever ends wakes us.
        self._has_more_rows = True
        with self._lock:
            self._freed_slots = 0
            in_flight = Counter(self._in_flight)
        selected = self._select(in_flight)
        rows = claims.claim(self.queue, selected) if selected else []
        close_old_connections()
        with self._lock:
            self._in_flight.update(row.concurrency_key for row in rows)
        for batch in self._batches(rows):
            self._pool.submit(self._deliver_batch, batch)
        return len(rows)

    def _select(self, in_flight: Counter[str]) -> list[UUID]:
        """Pick due rows: first of lanes with fewer than two in flight, then of those that may have more."""
        selected = list[UUID]()
        first = self._due(key for key, count in in_flight.items() if count >= MIN_IN_FLIGHT_PER_KEY)
        self._add_startable(first, in_flight, selected, lambda count, _free: count < MIN_IN_FLIGHT_PER_KEY)
        free = self._slots - in_flight.total()
        then = self._due(key for key, count in in_flight.items() if count >= free)
        self._add_startable(
            [row for row in then if row[0] not in set(selected)], in_flight, selected, lambda count, free: count < free
        )
        self._has_more_rows = len(then) > len(selected)
        return selected

    def _due(self, excluded_keys: Iterable[str]) -> list[tuple[UUID, str]]:
        due = self.queue.due(timezone.now()).exclude(concurrency_key__in=list(excluded_keys))
        return list(due.values_list("pk", "concurrency_key")[: CLAIM_ROWS + 1])

    def _add_startable(
        self,
        rows: Iterable[tuple[UUID, str]],
        in_flight: Counter[str],
        selected: list[UUID],
        may_start: Callable[[int, int], bool],
    ) -> None:
        """Add rows whose lane `may` start another, given how many it has in flight and how many slots are free."""
        for pk, key in rows:
            free = self._slots - in_flight.total()
            if free > 0 and len(selected) < CLAIM_ROWS and may_start(in_flight[key], free):
                in_flight[key] += 1
                selected.append(pk)

    def _batches(self, rows: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
        by_key: dict[str, list[Delivery]] = {}
        for row in rows:
            by_key.setdefault(row.concurrency_key, []).append(row)
        for batch in by_key.values():
            for first in range(0, len(batch), self._at_once):
                yield batch[first : first + self._at_once]

    def _deliver_batch(self, rows: Sequence[Delivery]) -> None:
        remaining = {row.pk: row for row in rows}
        try:
            for completed in self._deliver(rows):
                self._release([remaining.pop(row.pk) for row in completed], is_last=not remaining)
        except Exception as error:  # noqa: BLE001 - reported
            # Whatever it was, the rows are still claimed: they are due again when the lease is over.
            for pk in remaining:
                log_error("delivery_error", error, queue=self.queue._meta.label_lower, delivery=str(pk))
        finally:
            close_old_connections()
            if remaining:
                self._release(list(remaining.values()), is_last=True)

    def _release(self, rows: Sequence[Delivery], *, is_last: bool) -> None:
        """Free the rows' slots. The dispatcher is woken when that is worth a claim, not for each of many."""
        with self._lock:
            self._in_flight.subtract(row.concurrency_key for row in rows)
            # Counts of zero are dropped.
            self._in_flight += Counter()
            self._freed_slots += len(rows)
            is_worth_waking = is_last or self._freed_slots >= self._at_once
        if self._has_more_rows and is_worth_waking:
            self.wake()

    def _pause_seconds(self) -> float:
        """Sleep until the next row is due, at most one sweep long."""
        with self._lock:
            waiting = self._in_flight.total() > 0 and self._has_more_rows
        # Overdue rows that were not selected wait for a free slot, whose end rings the bell.
        next_due_at = None if waiting else self.queue.next_due_at()
        close_old_connections()
        if next_due_at is None:
            return SWEEP_SECONDS
        return min(max((next_due_at - timezone.now()).total_seconds(), SHORTEST_PAUSE_SECONDS), SWEEP_SECONDS)
