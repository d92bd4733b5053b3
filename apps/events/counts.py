"""How many events of each type there were: what a monitoring system asks for.

Counted in the memory of each process and added to the table every few seconds, so that no request pays a query for it.
A process that is killed loses the counts of these seconds, never an event.
"""

import os
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from multiprocessing.util import Finalize

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction

from apps.events.models import Event, EventCount
from apps.events.types import EventType

log = structlog.get_logger(__name__)

# The sum is made by the database: processes add to the same rows. In the order of the types, so that two that add at
# once never wait for each other in a ring.
ADD = """
INSERT INTO events_eventcount (event_type, total) VALUES {rows}
ON CONFLICT (event_type) DO UPDATE SET total = events_eventcount.total + excluded.total
"""


def note(events: Iterable[Event]) -> None:
    """Count events once they are committed; what is rolled back did not happen."""
    transaction.on_commit(partial(_buffer.add, [str(event.event_type) for event in events]))


def flush() -> None:
    """Add what this process has counted to the table, in one statement; a database error keeps it for later."""
    _buffer.flush()


def totals() -> dict[str, int]:
    """Return how many events of each type there were, also of those that never happened."""
    stored: dict[str, int] = dict(EventCount.objects.values_list("event_type", "total"))
    return {event_type.value: 0 for event_type in EventType} | stored


class _Buffer:
    """What was counted and not yet added. A timer runs only while there is something."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._ends_with_process = False

    def add(self, types: Iterable[str]) -> None:
        with self._lock:
            self._counts.update(types)
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None or settings.EVENT_COUNTS_SECONDS is None:
            return
        if not self._ends_with_process:
            # Unlike atexit's, these are run at the end of a serving process as well, which is a fork.
            Finalize(None, self._end, exitpriority=0)
            self._ends_with_process = True
        self._timer = threading.Timer(settings.EVENT_COUNTS_SECONDS, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def _ring(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.flush()
        except DatabaseError as error:
            log.warning("event_counts_kept", fault=type(error).__name__)
            with self._lock:
                self._set_timer()
        finally:
            connection.close()

    def _end(self) -> None:
        with suppress(DatabaseError):
            self.flush()

    def flush(self) -> None:
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            _add(counts)
        except DatabaseError:
            with self._lock:
                self._counts.update(counts)
            raise


def _add(counts: Counter[str]) -> None:
    rows = sorted(counts.items())
    places = ", ".join(["(%s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(rows=places), [part for row in rows for part in row])


_buffer = _Buffer()


def _start_anew() -> None:
    """A fork counts for itself: what its parent had counted is added by the parent."""
    global _buffer  # noqa: PLW0603 - locks and timers do not come along through a fork
    _buffer = _Buffer()


os.register_at_fork(after_in_child=_start_anew)
