"""What a worker process runs: for each queue a thread that claims and many that act; periodic work; the listener."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.utils import timezone

from apps.outbox import models as outbox

log = structlog.get_logger(__name__)

CLAIM_ROWS = 100
LANE_LIMIT = 2
# After a fault (of the database, mostly) a worker waits this long before it looks again.
FAULT_PAUSE_SECONDS = 1.0
# How long a dispatcher that nobody wakes may sleep, and how long it sleeps at least before a row that is due soon.
SWEEP_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.05
# How often SQLite, which notifies nobody, is asked whether its file was changed.
LOOK_SECONDS = 0.02


class Loop:
    """A thread that calls `step` again and again, each time after the seconds that the last call returned.

    A fault costs a pause, never the thread, and is told when it begins and when it is over.
    """

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        self._name = name
        self._step = step
        self._bell = threading.Event()
        self._stopping = False
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._bell.set()

    def halt(self) -> None:
        """Ask it to end after the step that it is in."""
        self._stopping = True
        self.wake()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._bell.clear()
            if self._stopping:
                break
            try:
                pause = self._step()
                self._well()
            except Exception as error:  # noqa: BLE001 - reported, and the thread goes on
                if self._is_new(error):
                    report("fault", error, thread=self._name)
                connection.close()
                pause = FAULT_PAUSE_SECONDS
            self._bell.wait(pause)
        connection.close()

    def _is_new(self, error: Exception) -> bool:
        last, self._fault = self._fault, type(error).__name__
        return last != self._fault

    def _well(self) -> None:
        if self._fault:
            log.info("fault_over", thread=self._name)
        self._fault = ""


def report(event: str, error: Exception, **details: str) -> None:
    """Log a fault: of the database its first line (the rest may quote a statement), of anything else the traceback."""
    if isinstance(error, DatabaseError):
        reason = str(error).partition("\n")[0][:200]
        log.error(event, fault=type(error).__name__, reason=reason, **details)
    else:
        log.error(event, exc_info=error, fault=type(error).__name__, **details)


Deliver = Callable[[Sequence[Any]], Iterator[Sequence[Any]]]


def one_by_one(deliver: Callable[[Any], None]) -> Deliver:
    """Make a queue's way of delivering one row a way of delivering several."""

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

    def __init__(self, queue: type[outbox.Delivery], deliver: Deliver, *, slots: int = 64, at_once: int = 1) -> None:
        self.queue = queue
        self._deliver = deliver
        self._slots = slots
        self._at_once = at_once
        self._rows_left = True
        self._freed = 0
        self._lanes: Counter[str] = Counter()
        self._lock = threading.Lock()
        name = queue._meta.label_lower
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=name)
        self._loop = Loop(f"dispatcher {name}", self._step)
        self.start, self.wake, self.halt = self._loop.start, self._loop.wake, self._loop.halt

    def join(self) -> None:
        """Wait for what is in flight."""
        self._loop.join()
        self._pool.shutdown(wait=True)

    def _step(self) -> float:
        return 0 if self.dispatch() and self._rows_left else self._pause_seconds()

    def dispatch(self) -> int:
        """Claim what may start now and hand it to the threads; returns how many."""
        # Until it is known that none are left, whoever ends wakes us.
        self._rows_left = True
        with self._lock:
            self._freed = 0
            lanes = Counter(self._lanes)
        chosen = self._choose(lanes)
        rows = outbox.claim(self.queue, chosen) if chosen else []
        close_old_connections()
        with self._lock:
            self._lanes.update(row.lane for row in rows)
        for part in self._parts(rows):
            self._pool.submit(self._work, part)
        return len(rows)

    def _choose(self, lanes: Counter[str]) -> list[UUID]:
        """Pick due rows: first of lanes with fewer than two in flight, then of those that may have more."""
        chosen = list[UUID]()
        first = self._due(lane for lane, count in lanes.items() if count >= LANE_LIMIT)
        self._take(first, lanes, chosen, lambda count, _free: count < LANE_LIMIT)
        free = self._slots - lanes.total()
        then = self._due(lane for lane, count in lanes.items() if count >= free)
        self._take([row for row in then if row[0] not in set(chosen)], lanes, chosen, lambda count, free: count < free)
        self._rows_left = len(then) > len(chosen)
        return chosen

    def _due(self, except_lanes: Iterable[str]) -> list[tuple[UUID, str]]:
        due = self.queue.due(timezone.now()).exclude(lane__in=list(except_lanes))
        return list(due.values_list("pk", "lane")[: CLAIM_ROWS + 1])

    def _take(
        self,
        rows: Iterable[tuple[UUID, str]],
        lanes: Counter[str],
        chosen: list[UUID],
        may: Callable[[int, int], bool],
    ) -> None:
        """Add rows whose lane `may` start another, given how many it has in flight and how many slots are free."""
        for pk, lane in rows:
            free = self._slots - lanes.total()
            if free > 0 and len(chosen) < CLAIM_ROWS and may(lanes[lane], free):
                lanes[lane] += 1
                chosen.append(pk)

    def _parts(self, rows: Sequence[outbox.Delivery]) -> Iterator[Sequence[outbox.Delivery]]:
        by_lane: dict[str, list[outbox.Delivery]] = {}
        for row in rows:
            by_lane.setdefault(row.lane, []).append(row)
        for part in by_lane.values():
            for first in range(0, len(part), self._at_once):
                yield part[first : first + self._at_once]

    def _work(self, rows: Sequence[outbox.Delivery]) -> None:
        left = {row.pk: row for row in rows}
        try:
            for done in self._deliver(rows):
                self._release([left.pop(row.pk) for row in done], is_last=not left)
        except Exception as error:  # noqa: BLE001 - reported
            # Whatever it was, the rows are still claimed: they are due again when the lease is over.
            for pk in left:
                report("delivery_fault", error, queue=self.queue._meta.label_lower, delivery=str(pk))
        finally:
            close_old_connections()
            if left:
                self._release(list(left.values()), is_last=True)

    def _release(self, rows: Sequence[outbox.Delivery], *, is_last: bool) -> None:
        """Free the rows' slots. The dispatcher is woken when that is worth a claim, not for each of many."""
        with self._lock:
            self._lanes.subtract(row.lane for row in rows)
            # Counts of zero are dropped.
            self._lanes += Counter()
            self._freed += len(rows)
            is_worth_it = is_last or self._freed >= self._at_once
        if self._rows_left and is_worth_it:
            self.wake()

    def _pause_seconds(self) -> float:
        """Sleep until the next row is due, at most one sweep long."""
        with self._lock:
            waiting = self._lanes.total() > 0 and self._rows_left
        # Overdue rows that were not chosen wait for a free slot, whose end rings the bell.
        next_due_at = None if waiting else self.queue.next_due_at()
        close_old_connections()
        if next_due_at is None:
            return SWEEP_SECONDS
        return min(max((next_due_at - timezone.now()).total_seconds(), SHORTEST_PAUSE_SECONDS), SWEEP_SECONDS)


class Periodic(Loop):
    """Calls a function every so often, until stopped."""

    def __init__(self, function: Callable[[], object], seconds: float) -> None:
        super().__init__(function.__name__, self._call)
        self._function = function
        self._seconds = seconds

    def _call(self) -> float:
        self._function()
        close_old_connections()
        return self._seconds


class Listener(Loop):
    """Wakes dispatchers on PostgreSQL's NOTIFY; a lost connection is made anew."""

    def __init__(self) -> None:
        super().__init__("listener", self._listen)

    def _listen(self) -> float:
        if connection.connection is None:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {outbox.CHANNEL}")
            # What was notified while nobody listened.
            wake_all()
        with connection.wrap_database_errors:
            for notice in connection.connection.notifies(timeout=0.5, stop_after=1):
                wake(notice.payload)
        return 0


class Watcher(Loop):
    """Wakes all dispatchers when another connection has changed the SQLite file; a look reads no table."""

    def __init__(self) -> None:
        super().__init__("watcher", self._look)
        self._version: tuple[int] | None = None

    def _look(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()
        if version != self._version:
            self._version = version
            wake_all()
        return LOOK_SECONDS


@dataclass
class Worker:
    """Everything that one worker process runs."""

    dispatchers: list[Dispatcher]
    loops: list[Loop]

    def start(self) -> None:
        for dispatcher in self.dispatchers:
            _running[dispatcher.queue._meta.label_lower] = dispatcher
        for part in self._parts():
            part.start()

    def stop(self) -> None:
        """Claim nothing more and wait for what is in flight."""
        for dispatcher in self.dispatchers:
            _running.pop(dispatcher.queue._meta.label_lower, None)
        for part in self._parts():
            part.halt()
        for part in self._parts():
            part.join()

    def _parts(self) -> list[Dispatcher | Loop]:
        return [*self.dispatchers, *self.loops]


_running: dict[str, Dispatcher] = {}


def wake(label: str) -> None:
    """Wake the dispatcher of a queue, by its model's label, when this process has one."""
    if dispatcher := _running.get(label):
        dispatcher.wake()


def wake_all() -> None:
    for label in list(_running):
        wake(label)
