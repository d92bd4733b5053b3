"""Numbers that a process counts in its memory and adds to a table every few seconds: no request pays a query for them.

A process that is killed loses what it counted in these seconds.
"""

import os
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.util import Finalize

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

log = structlog.get_logger(__name__)

# The sum is made by the database: processes add to the same rows. In the order of the keys, so that two that add at
# once never wait for each other in a ring.
ADD = """
INSERT INTO {table} ({key}, total) VALUES {rows}
ON CONFLICT ({key}) DO UPDATE SET total = {table}.total + excluded.total
"""


class CounterBuffer:
    """What was counted and not yet added to `table`, by its `key`. A timer runs only while there is something."""

    def __init__(self, table: str, key: str) -> None:
        self._table, self._key = table, key
        self._reset()
        # A fork counts for itself: what its parent had counted is added by the parent. Locks and timers stay there.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._counts = Counter[str]()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._is_flushed_at_exit = False

    def add(self, counts: Mapping[str, int]) -> None:
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None or settings.EVENT_COUNTER_FLUSH_SECONDS is None:
            return
        if not self._is_flushed_at_exit:
            # Unlike atexit's, these are run at the end of a serving process as well, which is a fork.
            Finalize(None, self._flush_at_exit, exitpriority=0)
            self._is_flushed_at_exit = True
        self._timer = threading.Timer(settings.EVENT_COUNTER_FLUSH_SECONDS, self._on_timer)
        self._timer.daemon = True
        self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.flush()
        except DatabaseError as error:
            log.warning("counter_flush_failed", table=self._table, error=type(error).__name__)
            with self._lock:
                self._set_timer()
        finally:
            connection.close()

    def _flush_at_exit(self) -> None:
        with suppress(DatabaseError):
            self.flush()

    def flush(self) -> None:
        """Add what was counted to the table, in one statement; a database error keeps it for later."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            self._add(counts)
        except DatabaseError:
            with self._lock:
                self._counts.update(counts)
            raise

    def _add(self, counts: Counter[str]) -> None:
        rows = sorted(counts.items())
        places = ", ".join(["(%s, %s)"] * len(rows))
        with connection.cursor() as cursor:
            statement = ADD.format(table=self._table, key=self._key, rows=places)
            cursor.execute(statement, [part for row in rows for part in row])
