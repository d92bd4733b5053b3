"""Dispatcher and threads of a worker, run in the process of the test."""

import threading
import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from structlog.testing import capture_logs

from apps.callbacks.models import CallbackDelivery
from apps.outbox import claims, loops, queues, wakeup, worker
from apps.outbox import models as outbox
from apps.outbox.dispatcher import CLAIM_ROWS, Dispatcher, deliver_individually
from tests.flows.waiting import wait_until
from tests.worker.test_outbox import due_rows, end_lease

pytestmark = pytest.mark.django_db(transaction=True)


class Deliveries:
    """Fake deliveries that wait for `is_released` and then record success."""

    def __init__(self):
        self.started = []
        self.is_released = threading.Event()

    def deliver(self, rows):
        for row in rows:
            self.started.append(row.concurrency_key)
        assert self.is_released.wait(20)
        with transaction.atomic():
            claims.record_results([claims.AttemptResult(row, outbox.State.DONE, "delivered") for row in rows])
        yield rows

    def started_by_key(self, count):
        """Return the number of started deliveries by concurrency key, as soon as `count` have started."""
        wait_until(lambda: len(self.started) >= count, 5)
        return dict(Counter(self.started))


@pytest.fixture
def deliveries():
    return Deliveries()


@pytest.fixture
def dispatcher(deliveries):
    """Dispatcher without its thread: the test calls `dispatch`."""
    dispatcher = Dispatcher(CallbackDelivery, deliveries.deliver, slots=8)
    yield dispatcher
    deliveries.is_released.set()
    dispatcher._pool.shutdown(wait=True)


@pytest.fixture
def start_worker():
    """Start workers, and stop them at the end of the test."""
    started = []

    def run(*dispatchers, loops=()):
        process = worker.Worker(list(dispatchers), list(loops))
        process.start()
        started.append(process)
        return process

    yield run
    for process in started:
        process.stop()


def test_each_concurrency_key_gets_two_slots_first(dispatcher, deliveries):
    due_rows(20, "slow")
    due_rows(2, "other")
    due_rows(2, "third")
    dispatcher.dispatch()
    started = deliveries.started_by_key(6)
    assert (started["other"], started["third"]) == (2, 2)
    assert started["slow"] == 2


def test_concurrency_key_uses_at_most_half_of_the_free_slots(dispatcher, deliveries):
    due_rows(20, "slow")
    while dispatcher.dispatch():
        pass
    assert deliveries.started_by_key(4) == {"slow": 4}
    due_rows(5, "other")
    while dispatcher.dispatch():
        pass
    assert deliveries.started_by_key(6) == {"slow": 4, "other": 2}
    due_rows(5, "third")
    while dispatcher.dispatch():
        pass
    assert deliveries.started_by_key(8) == {"slow": 4, "other": 2, "third": 2}


def test_recorded_rows_of_a_batch_free_their_slots():
    batches, is_released = [], threading.Event()

    def deliver(rows):
        batches.append([row.concurrency_key for row in rows])
        yield rows[:2]
        assert is_released.wait(20)
        yield rows[2:]

    dispatcher = Dispatcher(CallbackDelivery, deliver, slots=8, batch_size=3)
    due_rows(4, "one")
    due_rows(1, "two")
    assert dispatcher.dispatch() == 5
    wait_until(lambda: len(batches) == 3, 5)
    assert sorted(map(len, batches)) == [1, 1, 3]
    wait_until(lambda: dispatcher._in_flight == {"one": 1}, 5)
    is_released.set()
    dispatcher._pool.shutdown(wait=True)
    assert dispatcher._in_flight == {}


def test_backlog_of_one_key_does_not_delay_other_keys(dispatcher, deliveries):
    due_rows(3 * CLAIM_ROWS, "slow")
    due_rows(1, "other")
    dispatcher.dispatch()
    dispatcher.dispatch()
    assert deliveries.started_by_key(5) == {"slow": 4, "other": 1}


def test_failing_delivery_is_logged_and_due_after_its_lease(deliveries):
    [row] = due_rows(1)

    def deliver(_row):
        raise ValueError("broken")

    dispatcher = Dispatcher(CallbackDelivery, deliver_individually(deliver), slots=4)
    with capture_logs() as logs:
        dispatcher.dispatch()
        dispatcher._pool.shutdown(wait=True)
    assert [(line["event"], line["delivery"]) for line in logs] == [("delivery_error", str(row.pk))]
    row.refresh_from_db()
    assert (row.state, row.attempts_made) == (outbox.State.DUE, 1)
    assert claims.claim(CallbackDelivery, [row.pk]) == []
    end_lease(row)
    assert len(claims.claim(CallbackDelivery, [row.pk])) == 1


def test_stopping_worker_finishes_deliveries_in_flight(deliveries, start_worker):
    [first] = due_rows(1, "one")
    process = start_worker(Dispatcher(CallbackDelivery, deliveries.deliver))
    deliveries.started_by_key(1)
    stopping = threading.Thread(target=process.stop)
    stopping.start()
    [late] = due_rows(1, "two")
    stopping.join(0.3)
    assert stopping.is_alive()
    deliveries.is_released.set()
    stopping.join(10)
    assert not stopping.is_alive()
    first.refresh_from_db()
    late.refresh_from_db()
    assert (first.state, late.state) == (outbox.State.DONE, outbox.State.DUE)
    assert late.attempts_made == 0


def test_single_delivery_does_not_delay_the_next_row(dispatcher, deliveries):
    deliveries.is_released.set()
    due_rows(1, "later", due_at=timezone.now() + timedelta(seconds=0.5))
    assert dispatcher.dispatch() == 0
    due_rows(1, "now")
    assert dispatcher.dispatch() == 1
    assert dispatcher._pause_seconds() <= 0.5


def test_due_rows_are_found_without_notification(deliveries, start_worker):
    deliveries.is_released.set()
    start_worker(Dispatcher(CallbackDelivery, deliveries.deliver))
    due_rows(1)
    assert deliveries.started_by_key(1)


def test_commit_wakes_the_embedded_worker(deliveries, start_worker, settings, monkeypatch):
    settings.BROKER_URL = ""
    monkeypatch.setattr("apps.outbox.dispatcher.POLL_SECONDS", 60.0)
    deliveries.is_released.set()
    dispatcher = Dispatcher(CallbackDelivery, deliveries.deliver)
    is_paused, is_polling = threading.Event(), threading.Event()
    pause, wake_all = dispatcher._pause_seconds, worker.wake_all
    monkeypatch.setattr(dispatcher, "_pause_seconds", lambda: [pause(), is_paused.set()][0])
    start_worker(dispatcher)
    assert is_paused.wait(5)
    # The first poll always wakes all dispatchers; this test checks a later one.
    monkeypatch.setattr(worker, "wake_all", is_polling.set)
    start_worker(loops=[worker.Listener() if connection.vendor == "postgresql" else worker.SqlitePoller()])
    assert is_polling.wait(5)
    monkeypatch.setattr(worker, "wake_all", wake_all)
    with transaction.atomic():
        due_rows(1)
        wakeup.notify_workers(queues.CALLBACKS)
    assert deliveries.started_by_key(1)


def test_loop_thread_survives_errors_and_logs_each_once(monkeypatch):
    monkeypatch.setattr(loops, "ERROR_BACKOFF_SECONDS", 0.001)
    errors = [OperationalError("unavailable\nSELECT secret")] * 3 + [RuntimeError("bug")] * 2
    is_recovered = threading.Event()

    def step():
        if errors:
            raise errors.pop(0)
        is_recovered.set()
        return 60

    loop = loops.LoopThread("tested", step)
    with capture_logs() as logs:
        loop.start()
        assert is_recovered.wait(5)
        loop.halt()
        loop.join()
    assert [(line["event"], line.get("error")) for line in logs] == [
        ("worker_error", "OperationalError"),
        ("worker_error", "RuntimeError"),
        ("worker_recovered", None),
    ]
    assert logs[0]["reason"] == "unavailable"


def test_periodic_function_is_called_repeatedly():
    called = threading.Semaphore(0)

    def function():
        called.release()

    loop = loops.Periodic(function, 0.001)
    loop.start()
    assert all(called.acquire(timeout=5) for _number in range(3))
    loop.halt()
    loop.join()


def test_waking_an_unknown_queue_does_nothing():
    worker.wake(str(uuid.uuid4()))
