"""The dispatcher and the loops of a worker process, in this process."""

import threading
import uuid
from collections import Counter

import pytest
from django.db import OperationalError, connection, transaction
from structlog.testing import capture_logs

from apps.callbacks.models import CallbackDelivery
from apps.outbox import claims, loops, wakeup, worker
from apps.outbox import models as outbox
from apps.outbox.dispatcher import CLAIM_ROWS, Dispatcher, deliver_individually
from tests.flows.waiting import wait_until
from tests.worker.test_outbox import due_rows, end_lease

pytestmark = pytest.mark.django_db(transaction=True)


class Deliveries:
    """A delivery that waits until it is told to go on, and then records success."""

    def __init__(self):
        self.started = []
        self.go_on = threading.Event()

    def deliver(self, rows):
        for row in rows:
            self.started.append(row.concurrency_key)
        assert self.go_on.wait(20)
        with transaction.atomic():
            claims.record_results([claims.AttemptResult(row, outbox.State.DONE, "delivered") for row in rows])
        yield rows

    def started_by_key(self, count):
        """Return how many started in each lane, once `count` did."""
        wait_until(lambda: len(self.started) >= count, 5)
        return dict(Counter(self.started))


@pytest.fixture
def deliveries():
    return Deliveries()


@pytest.fixture
def dispatcher(deliveries):
    """A dispatcher whose thread does not run: a test calls `dispatch` itself."""
    dispatcher = Dispatcher(CallbackDelivery, deliveries.deliver, slots=8)
    yield dispatcher
    deliveries.go_on.set()
    dispatcher._pool.shutdown(wait=True)


@pytest.fixture
def running():
    """Start workers that are stopped at the end."""
    started = []

    def run(*dispatchers, loops=()):
        process = worker.Worker(list(dispatchers), list(loops))
        process.start()
        started.append(process)
        return process

    yield run
    for process in started:
        process.stop()


def test_every_lane_has_two_in_flight_before_any_has_more(dispatcher, deliveries):
    due_rows(20, "slow")
    due_rows(2, "other")
    due_rows(2, "third")
    dispatcher.dispatch()
    started = deliveries.started_by_key(6)
    assert (started["other"], started["third"]) == (2, 2)
    assert started["slow"] == 2


def test_alone_a_lane_takes_half_of_the_slots_and_a_second_one_half_of_the_rest(dispatcher, deliveries):
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


def test_rows_of_one_lane_are_delivered_together_and_each_frees_its_slot_when_it_is_written_down():
    parts, go_on = [], threading.Event()

    def deliver(rows):
        parts.append([row.concurrency_key for row in rows])
        yield rows[:2]
        assert go_on.wait(20)
        yield rows[2:]

    dispatcher = Dispatcher(CallbackDelivery, deliver, slots=8, batch_size=3)
    due_rows(4, "one")
    due_rows(1, "two")
    assert dispatcher.dispatch() == 5
    wait_until(lambda: len(parts) == 3, 5)
    assert sorted(map(len, parts)) == [1, 1, 3]
    wait_until(lambda: dispatcher._in_flight == {"one": 1}, 5)
    go_on.set()
    dispatcher._pool.shutdown(wait=True)
    assert dispatcher._in_flight == {}


def test_many_rows_of_a_busy_lane_do_not_hide_the_others(dispatcher, deliveries):
    due_rows(3 * CLAIM_ROWS, "slow")
    due_rows(1, "other")
    dispatcher.dispatch()
    dispatcher.dispatch()
    assert deliveries.started_by_key(5) == {"slow": 4, "other": 1}


def test_a_delivery_that_raises_is_told_and_due_again_after_its_lease(deliveries):
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


def test_a_worker_that_stops_finishes_what_is_in_flight_and_takes_nothing_more(deliveries, running):
    [first] = due_rows(1, "one")
    process = running(Dispatcher(CallbackDelivery, deliveries.deliver))
    deliveries.started_by_key(1)
    stopping = threading.Thread(target=process.stop)
    stopping.start()
    [late] = due_rows(1, "two")
    stopping.join(0.3)
    assert stopping.is_alive()
    deliveries.go_on.set()
    stopping.join(10)
    assert not stopping.is_alive()
    first.refresh_from_db()
    late.refresh_from_db()
    assert (first.state, late.state) == (outbox.State.DONE, outbox.State.DUE)
    assert late.attempts_made == 0


def test_work_that_nobody_announced_is_found(deliveries, running):
    deliveries.go_on.set()
    running(Dispatcher(CallbackDelivery, deliveries.deliver))
    due_rows(1)
    assert deliveries.started_by_key(1)


def test_an_embedded_worker_is_woken_by_the_commit(deliveries, running, settings, monkeypatch):
    settings.BROKER_URL = ""
    monkeypatch.setattr("apps.outbox.dispatcher.POLL_SECONDS", 60.0)
    deliveries.go_on.set()
    dispatcher = Dispatcher(CallbackDelivery, deliveries.deliver)
    asleep, watching = threading.Event(), threading.Event()
    pause, wake_all = dispatcher._pause_seconds, worker.wake_all
    monkeypatch.setattr(dispatcher, "_pause_seconds", lambda: [pause(), asleep.set()][0])
    running(dispatcher)
    assert asleep.wait(5)
    # The first thing that a watcher does is to wake all; only what it does later is looked at here.
    monkeypatch.setattr(worker, "wake_all", watching.set)
    running(loops=[worker.Listener() if connection.vendor == "postgresql" else worker.SqlitePoller()])
    assert watching.wait(5)
    monkeypatch.setattr(worker, "wake_all", wake_all)
    with transaction.atomic():
        due_rows(1)
        wakeup.notify_workers(CallbackDelivery, publish=None)
    assert deliveries.started_by_key(1)


def test_a_loop_outlives_faults_and_tells_each_once(monkeypatch):
    monkeypatch.setattr(loops, "ERROR_BACKOFF_SECONDS", 0.001)
    faults = [OperationalError("away\nSELECT secret")] * 3 + [RuntimeError("bug")] * 2
    over = threading.Event()

    def step():
        if faults:
            raise faults.pop(0)
        over.set()
        return 60

    loop = loops.LoopThread("tested", step)
    with capture_logs() as logs:
        loop.start()
        assert over.wait(5)
        loop.halt()
        loop.join()
    assert [(line["event"], line.get("error")) for line in logs] == [
        ("worker_error", "OperationalError"),
        ("worker_error", "RuntimeError"),
        ("worker_recovered", None),
    ]
    assert logs[0]["reason"] == "away"


def test_a_periodic_function_is_called_again_and_again():
    called = threading.Semaphore(0)

    def function():
        called.release()

    loop = loops.Periodic(function, 0.001)
    loop.start()
    assert all(called.acquire(timeout=5) for _number in range(3))
    loop.halt()
    loop.join()


def test_an_unknown_queue_is_woken_without_harm():
    worker.wake(str(uuid.uuid4()))
