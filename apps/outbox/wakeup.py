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
    if queue.name not in _task_publishers:
        # By name, because importing Celery costs 0.1 s: processes that publish nothing start without it.
        celery = import_string(settings.CELERY_APPLICATION)
        publisher = _TaskPublisher(partial(celery.send_task, queue.task, ignore_result=True))
        _task_publishers.setdefault(queue.name, publisher)
    _task_publishers[queue.name].enqueue()


class _TaskPublisher:
    """Publisher of one queue's task in a thread: requests do not wait for the broker, and a burst sends one task.

    Each queue has its own, so that a callback does not delay the next push.
    """

    ERROR_BACKOFF_SECONDS = 2.0
    # Under load, one task notifies of the deliveries of this time. A task takes 3 ms of CPU time in all.
    INTERVAL_SECONDS = 0.02

    def __init__(self, publish: Callable[[], object]) -> None:
        self._publish = publish
        self._lock = threading.Lock()
        self._has_work = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_unavailable = False

    def enqueue(self) -> None:
        with self._lock:
            # Started on first use: threads do not survive a fork.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="task publisher", daemon=True)
                self._thread.start()
        self._has_work.set()

    def _run(self) -> None:
        while True:
            self._has_work.wait()
            self._has_work.clear()
            self._publish_task()
            sleep(self.INTERVAL_SECONDS)

    def _publish_task(self) -> None:
        try:
            self._publish()
        except Exception as error:  # noqa: BLE001 - logged; each broker has its own exceptions
            if not self._is_unavailable:
                log.warning("broker_unavailable", error=type(error).__name__)
            self._is_unavailable = True
            sleep(self.ERROR_BACKOFF_SECONDS)
        else:
            self._is_unavailable = False


_task_publishers: dict[str, _TaskPublisher] = {}
