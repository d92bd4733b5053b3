"""Worker process: a dispatcher per queue, periodic functions, and the threads that wake the dispatchers."""

from dataclasses import dataclass

from django.db import connection

from apps.outbox import wakeup
from apps.outbox.dispatcher import Dispatcher
from apps.outbox.loops import LoopThread

# Interval of the polls for changes of a SQLite file; SQLite has no notifications.
POLL_SECONDS = 0.02


@dataclass
class Worker:
    """Threads of one worker process."""

    dispatchers: list[Dispatcher]
    loops: list[LoopThread]

    def start(self) -> None:
        for dispatcher in self.dispatchers:
            _running[dispatcher.queue._meta.label_lower] = dispatcher
        for thread in self._threads():
            thread.start()

    def stop(self) -> None:
        """Stop claiming and wait for the deliveries in flight."""
        for dispatcher in self.dispatchers:
            _running.pop(dispatcher.queue._meta.label_lower, None)
        for thread in self._threads():
            thread.halt()
        for thread in self._threads():
            thread.join()

    def _threads(self) -> list[Dispatcher | LoopThread]:
        return [*self.dispatchers, *self.loops]


_running: dict[str, Dispatcher] = {}


def wake(label: str) -> None:
    """Wake the dispatcher of a queue, named by the label of its model, if it runs in this process."""
    if dispatcher := _running.get(label.lower()):
        dispatcher.wake()


def wake_all() -> None:
    for label in list(_running):
        wake(label)


class Listener(LoopThread):
    """Thread that wakes dispatchers on PostgreSQL's NOTIFY and reconnects after a connection loss."""

    def __init__(self) -> None:
        super().__init__("listener", self._listen)

    def _listen(self) -> float:
        if connection.connection is None:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {wakeup.CHANNEL}")
            # Notifications before LISTEN were not received.
            wake_all()
        with connection.wrap_database_errors:
            for notice in connection.connection.notifies(timeout=0.5, stop_after=1):
                wake(notice.payload)
        return 0


class SqlitePoller(LoopThread):
    """Thread that wakes all dispatchers when another connection has changed the SQLite file. A poll reads no table."""

    def __init__(self) -> None:
        super().__init__("SQLite poller", self._poll)
        self._version: tuple[int] | None = None

    def _poll(self) -> float:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA data_version")
            version = cursor.fetchone()
        if version != self._version:
            self._version = version
            wake_all()
        return POLL_SECONDS
