"""What a worker process runs: a dispatcher for each queue, periodic work, and what wakes the dispatchers."""

from dataclasses import dataclass

from django.db import connection

from apps.outbox import wakeup
from apps.outbox.dispatcher import Dispatcher
from apps.outbox.loops import LoopThread

# How often SQLite, which notifies nobody, is polled for changes of its file.
POLL_SECONDS = 0.02


@dataclass
class Worker:
    """Everything that one worker process runs."""

    dispatchers: list[Dispatcher]
    loops: list[LoopThread]

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

    def _parts(self) -> list[Dispatcher | LoopThread]:
        return [*self.dispatchers, *self.loops]


_running: dict[str, Dispatcher] = {}


def wake(label: str) -> None:
    """Wake the dispatcher of a queue, by its model's label, when this process has one."""
    if dispatcher := _running.get(label.lower()):
        dispatcher.wake()


def wake_all() -> None:
    for label in list(_running):
        wake(label)


class Listener(LoopThread):
    """Wakes dispatchers on PostgreSQL's NOTIFY; a lost connection is opened again."""

    def __init__(self) -> None:
        super().__init__("listener", self._listen)

    def _listen(self) -> float:
        if connection.connection is None:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {wakeup.CHANNEL}")
            # What was notified before.
            wake_all()
        with connection.wrap_database_errors:
            for notice in connection.connection.notifies(timeout=0.5, stop_after=1):
                wake(notice.payload)
        return 0


class SqlitePoller(LoopThread):
    """Wakes all dispatchers when another connection has changed the SQLite file; a poll reads no table."""

    def __init__(self) -> None:
        super().__init__("watcher", self._poll)
        self._version: tuple[int] | None = None

    def _poll(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()
        if version != self._version:
            self._version = version
            wake_all()
        return POLL_SECONDS
