"""Counters in the memory of a process, which are added to a table every few seconds instead of on each request.

A process that is killed loses the counts of these seconds.
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

# The database computes the sums, because several processes add to the same rows. The rows are sorted by key, so that
# concurrent statements cannot deadlock.
ADD = """
INSERT INTO {table} ({key}, total) VALUES {rows}
ON CONFLICT ({key}) DO UPDATE SET total = {table}.total + excluded.total
"""


class CounterBuffer:
    """Counts that are not yet added to `table`, by its `key` column. A timer runs only while there are counts."""

    def __init__(self, table: str, key: str) -> None:
        self._table, self._key = table, key
        self._reset()
        # A forked process starts with no counts: the parent adds its own. Locks and timers do not survive a fork.
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
            # Unlike atexit functions, these also run at the end of forked web processes.
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
        """Add the counts to the table in one statement. A database error keeps them for the next flush."""
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
        placeholders = ", ".join(["(%s, %s)"] * len(rows))
        with connection.cursor() as cursor:
            statement = ADD.format(table=self._table, key=self._key, rows=placeholders)
            cursor.execute(statement, [value for row in rows for value in row])
