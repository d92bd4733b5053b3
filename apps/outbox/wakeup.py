"""Notifications of workers. A lost notification delays deliveries until the next poll, but loses none."""

import threading
from collections.abc import Callable
from functools import partial
from time import sleep

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

from apps.outbox.queues import Queue

log = structlog.get_logger(__name__)

CHANNEL = "countersign"


def notify_workers(queue: Queue) -> None:
    """Notify the workers after the commit that `queue` has due deliveries.

    With a broker, its Celery task is published. Without one, PostgreSQL's NOTIFY wakes the embedded worker. On SQLite
    the worker polls for changes of the database file.
    """
    if settings.BROKER_URL:
        transaction.on_commit(lambda: _enqueue_task(queue))
    elif connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, queue.model])


def _enqueue_task(queue: Queue) -> None:
    # By name, because importing Celery costs 0.1 s: processes that publish nothing start without it.
    celery = import_string(settings.CELERY_APPLICATION)
    _task_publisher.enqueue(queue.name, partial(celery.send_task, queue.task, ignore_result=True))


class _TaskPublisher:
    """Publisher that sends tasks in its own thread: requests do not wait for the broker, and a burst sends one task."""

    ERROR_BACKOFF_SECONDS = 2.0
    # Under load, one task notifies of the deliveries of this time. A task takes 3 ms of CPU time in all.
    INTERVAL_SECONDS = 0.02

    def __init__(self) -> None:
        self._tasks: dict[str, Callable[[], object]] = {}
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_unavailable = False

    def enqueue(self, name: str, publish: Callable[[], object]) -> None:
        with self._lock:
            self._tasks[name] = publish
            # Started on first use: threads do not survive a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="task publisher", daemon=True)
                self._thread.start()
        self._has_work.set()

    def _run(self) -> None:
        while True:
            self._has_work.wait()
            self._has_work.clear()
            with self._lock:
                tasks, self._tasks = self._tasks, {}
            for publish in tasks.values():
                self._publish(publish)
            sleep(self.INTERVAL_SECONDS)

    def _publish(self, publish: Callable[[], object]) -> None:
        try:
            publish()
        except Exception as error:  # noqa: BLE001 - logged; each broker has its own exceptions
            if not self._is_unavailable:
                log.warning("broker_unavailable", error=type(error).__name__)
            self._is_unavailable = True
            sleep(self.ERROR_BACKOFF_SECONDS)
        else:
            self._is_unavailable = False


_task_publisher = _TaskPublisher()
