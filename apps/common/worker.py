"""What a worker process runs: for each queue a thread that claims and many that act; periodic work; the listener."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from django.utils import timezone

from apps.common import outbox

log = structlog.get_logger(__name__)

CLAIM_ROWS = 10
LOOK_AHEAD_ROWS = 60
LANE_LIMIT = 2
# After a fault (of the database, mostly) a worker waits this long before it looks again.
FAULT_PAUSE_SECONDS = 1.0
# How long a worker that nobody wakes may sleep: with nudges, and where it has to look for itself.
SWEEP_SECONDS = 1.0
POLL_SECONDS = 0.05


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


class Dispatcher:
    """Keeps up to `slots` deliveries of one queue in flight.

    While others wait, a lane (the host that is called) has at most two of them. Alone it may have more, but a quarter
    of the slots always stays free for lanes that come later.
    """

    def __init__(self, queue: type[outbox.Delivery], deliver: Callable[[Any], None], slots: int = 64) -> None:
        self.queue = queue
        self._deliver = deliver
        self._slots = slots
        self._reserve = slots // 4
        self._rows_left = True
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
            lanes = Counter(self._lanes)
        free = self._slots - lanes.total()
        chosen = self._choose(lanes, free)
        rows = outbox.claim(self.queue, chosen) if chosen else []
        close_old_connections()
        with self._lock:
            self._lanes.update(row.lane for row in rows)
        for row in rows:
            self._pool.submit(self._work, row)
        return len(rows)

    def _choose(self, lanes: Counter[str], free: int) -> list[UUID]:
        """Pick due rows of lanes with a place; busy lanes only when nobody else waits and the reserve stays free."""
        if free <= 0:
            return []
        busy = [lane for lane, count in lanes.items() if count >= LANE_LIMIT]
        due = self.queue.due(timezone.now()).values_list("pk", "lane")
        seen = list(due[:LOOK_AHEAD_ROWS])
        if busy and len(seen) == LOOK_AHEAD_ROWS:
            # A long queue of busy lanes must not hide the others.
            seen = list(due.exclude(lane__in=busy)[:LOOK_AHEAD_ROWS]) or seen
        planned, chosen = Counter(lanes), list[UUID]()
        for pk, lane in seen:
            if planned[lane] < LANE_LIMIT and len(chosen) < min(free, CLAIM_ROWS):
                planned[lane] += 1
                chosen.append(pk)
        if not chosen and free > self._reserve:
            chosen = [pk for pk, _lane in seen[: min(free - self._reserve, CLAIM_ROWS)]]
        self._rows_left = len(seen) > len(chosen)
        return chosen

    def _work(self, row: outbox.Delivery) -> None:
        try:
            self._deliver(row)
        except Exception as error:  # noqa: BLE001 - reported
            # Whatever it was, the row is still claimed: it is due again when the lease is over.
            report("delivery_fault", error, queue=self.queue._meta.label_lower, delivery=str(row.pk))
        finally:
            close_old_connections()
            with self._lock:
                self._lanes[row.lane] -= 1
                if not self._lanes[row.lane]:
                    del self._lanes[row.lane]
            if self._rows_left:
                self.wake()

    def _pause_seconds(self) -> float:
        """Sleep until the next row is due, at most one sweep long."""
        longest = SWEEP_SECONDS if settings.BROKER_URL or connection.vendor == "postgresql" else POLL_SECONDS
        with self._lock:
            full = self._lanes.total() >= self._slots - self._reserve
        # Overdue rows that were not chosen wait for a free slot, whose end rings the bell.
        next_due_at = None if full else self.queue.next_due_at()
        close_old_connections()
        if next_due_at is None:
            return longest
        return min(max((next_due_at - timezone.now()).total_seconds(), POLL_SECONDS), longest)


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
            for label in list(_running):
                wake(label)
        with connection.wrap_database_errors:
            for notice in connection.connection.notifies(timeout=0.5, stop_after=1):
                wake(notice.payload)
        return 0


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
