"""What a worker process runs: for each queue a thread that claims and many that act; periodic work; the listener."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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
# After a fault of the database a worker waits this long before it looks again.
FAULT_PAUSE_SECONDS = 1.0


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
        self._lanes: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._stopping = False
        name = queue._meta.label_lower
        self._pool = ThreadPoolExecutor(slots, thread_name_prefix=name)
        self._thread = threading.Thread(target=self._run, name=f"dispatcher {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._bell.set()

    def stop(self) -> None:
        """Claim nothing more and wait for what is in flight."""
        self._stopping = True
        self.wake()
        self._thread.join()
        self._pool.shutdown(wait=True)

    def _run(self) -> None:
        while not self._stopping:
            self._bell.clear()
            try:
                if not self.dispatch():
                    self._bell.wait(self._pause_seconds())
            except DatabaseError:
                log.exception("dispatcher_waits_for_database", queue=self.queue._meta.label_lower)
                connection.close()
                self._bell.wait(FAULT_PAUSE_SECONDS)

    def dispatch(self) -> int:
        """Claim what may start now and hand it to the threads; returns how many."""
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
        planned, chosen = Counter(lanes), list[UUID]()
        for pk, lane in due.exclude(lane__in=busy)[:LOOK_AHEAD_ROWS]:
            if planned[lane] < LANE_LIMIT and len(chosen) < min(free, CLAIM_ROWS):
                planned[lane] += 1
                chosen.append(pk)
        if not chosen and busy and free > self._reserve:
            chosen = [pk for pk, _lane in due.filter(lane__in=busy)[: min(free - self._reserve, CLAIM_ROWS)]]
        return chosen

    def _work(self, row: outbox.Delivery) -> None:
        try:
            self._deliver(row)
        except Exception:
            # Whatever it was, the row is still claimed: it is due again when the lease is over.
            log.exception("delivery_fault", queue=self.queue._meta.label_lower, delivery=str(row.pk))
        finally:
            close_old_connections()
            with self._lock:
                self._lanes[row.lane] -= 1
                if not self._lanes[row.lane]:
                    del self._lanes[row.lane]
            self.wake()

    def _pause_seconds(self) -> float:
        """Sleep until the next row is due, at most one sweep long."""
        with self._lock:
            if self._lanes.total() >= self._slots - self._reserve:
                return SWEEP_SECONDS
        longest = SWEEP_SECONDS if settings.BROKER_URL or connection.vendor == "postgresql" else POLL_SECONDS
        next_due_at = self.queue.next_due_at()
        close_old_connections()
        if next_due_at is None:
            return longest
        wait = (next_due_at - timezone.now()).total_seconds()
        # Overdue rows that were not chosen wait for a free slot, whose end rings the bell.
        return min(max(wait, POLL_SECONDS), longest)


# How long a worker that nobody wakes may sleep: with nudges, and where it has to look for itself.
SWEEP_SECONDS = 1.0
POLL_SECONDS = 0.05


class Periodic:
    """Calls a function every so often, until stopped; a fault of the database only costs one round."""

    def __init__(self, function: Callable[[], object], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=function.__name__, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                self._function()
            except DatabaseError:
                log.exception("periodic_fault", function=self._function.__name__)
                connection.close()
            finally:
                close_old_connections()


@dataclass
class Worker:
    """Everything that one worker process runs."""

    dispatchers: list[Dispatcher]
    periodic: list[Periodic]
    _parts: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._parts = [*self.dispatchers, *self.periodic]

    def start(self) -> None:
        for dispatcher in self.dispatchers:
            _running[dispatcher.queue._meta.label_lower] = dispatcher
        for part in self._parts:
            part.start()

    def stop(self) -> None:
        _running.clear()
        for part in self._parts:
            part.stop()


_running: dict[str, Dispatcher] = {}


def wake(label: str) -> None:
    """Wake the dispatcher of a queue, by its model's label, when this process has one."""
    if dispatcher := _running.get(label):
        dispatcher.wake()


def listen(stopped: threading.Event) -> None:
    """Wake dispatchers on PostgreSQL's NOTIFY until `stopped`; a lost connection is made anew."""
    while not stopped.is_set():
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {outbox.CHANNEL}")
            while not stopped.is_set():
                for notice in connection.connection.notifies(timeout=0.5, stop_after=1):
                    wake(notice.payload)
        except DatabaseError:
            log.warning("listener_lost_its_connection")
            stopped.wait(FAULT_PAUSE_SECONDS)
        finally:
            connection.close()
