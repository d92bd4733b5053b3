"""Claims and records: who has a row, and who may write down what became of it."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.callbacks.models import CallbackAttempt, CallbackDelivery
from apps.outbox import claims, wakeup
from apps.outbox import models as outbox

pytestmark = pytest.mark.django_db(transaction=True)


def due_rows(count, key="http://one.example.com", **fields):
    return [
        CallbackDelivery.objects.create(url=key, concurrency_key=key, transaction_id=uuid.uuid4(), **fields)
        for _number in range(count)
    ]


def end_lease(row):
    """As if the lease's time had passed: its worker is dead, or slow."""
    CallbackDelivery.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def test_workers_that_claim_the_same_rows_at_once_get_different_ones():
    ids, workers = [row.pk for row in due_rows(12)], 6
    together = threading.Barrier(workers)

    def claim(_number):
        together.wait(10)
        try:
            return [row.pk for row in claims.claim(CallbackDelivery, ids)]
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        claimed = [pk for part in pool.map(claim, range(workers)) for pk in part]
    assert sorted(claimed) == sorted(ids)
    assert CallbackAttempt.objects.count() == 12


def test_a_claim_writes_the_attempt_down_and_lasts_as_long_as_its_lease():
    [row] = due_rows(1)
    [claimed] = claims.claim(CallbackDelivery, [row.pk])
    assert claims.claim(CallbackDelivery, [row.pk]) == []
    row.refresh_from_db()
    left = (row.due_at - timezone.now()).total_seconds()
    assert claims.LEASE_SECONDS - 2 < left <= claims.LEASE_SECONDS
    assert (row.claim, row.attempts_made) == (claimed.claim, 1)
    attempt = row.attempts.get()
    assert (attempt.number, attempt.outcome) == (1, "")


def test_rows_that_are_not_due_or_have_ended_are_not_claimed():
    later = timezone.now() + timedelta(seconds=60)
    rows = due_rows(1, due_at=later) + due_rows(1, state=outbox.State.DONE) + due_rows(1, state=outbox.State.FAILED)
    assert claims.claim(CallbackDelivery, [row.pk for row in rows]) == []


def test_who_lost_a_claim_records_nothing():
    [row] = due_rows(1)
    [slow] = claims.claim(CallbackDelivery, [row.pk])
    end_lease(row)
    [quick] = claims.claim(CallbackDelivery, [row.pk])
    assert settle(slow, outbox.State.FAILED) == set()
    row.refresh_from_db()
    assert (row.state, row.claim, row.ended_at) == (outbox.State.DUE, quick.claim, None)

    assert settle(quick, outbox.State.DONE) == {row.pk}
    assert settle(slow, outbox.State.FAILED) == set()
    row.refresh_from_db()
    assert (row.state, row.claim) == (outbox.State.DONE, None)
    assert row.ended_at is not None
    assert [(attempt.number, attempt.outcome) for attempt in row.attempts.all()] == [(1, ""), (2, "told")]


def test_many_outcomes_are_written_at_once_each_to_its_own_row():
    rows = due_rows(3)
    claimed = {row.pk: row for row in claims.claim(CallbackDelivery, [row.pk for row in rows])}
    later = timezone.now() + timedelta(seconds=30)
    with transaction.atomic():
        held = claims.record_results(
            [
                claims.AttemptResult(claimed[rows[0].pk], outbox.State.DONE, "delivered", status=200),
                claims.AttemptResult(claimed[rows[1].pk], outbox.State.DUE, "failed", "away", due_at=later),
                claims.AttemptResult(claimed[rows[2].pk], outbox.State.FAILED, "failed", "gone", 410),
            ]
        )
    assert held == set(claimed)
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == ["done", "due", "failed"]
    assert [row.claim for row in rows] == [None] * 3
    assert rows[1].due_at == later
    attempts = [row.attempts.get() for row in rows]
    assert [(one.outcome, one.reason, one.status) for one in attempts] == [
        ("delivered", "", 200),
        ("failed", "away", None),
        ("failed", "gone", 410),
    ]
    assert all(one.duration_ms is not None for one in attempts)


def settle(row, state):
    with transaction.atomic():
        return claims.record_results([claims.AttemptResult(row, state, "told")])


def test_a_burst_of_nudges_waits_for_nobody_and_is_announced_few_times():
    announcer, at_the_broker, hanging = wakeup._TaskPublisher(), threading.Semaphore(0), threading.Event()
    rung = []

    def ring():
        rung.append(1)
        at_the_broker.release()
        hanging.wait(10)

    announcer.enqueue("queue", ring)
    assert at_the_broker.acquire(timeout=5)
    for _number in range(100):
        announcer.enqueue("queue", ring)
    hanging.set()
    assert at_the_broker.acquire(timeout=5)
    assert not at_the_broker.acquire(timeout=0.2)
    assert len(rung) == 2


def test_a_broker_that_is_away_is_asked_again(monkeypatch):
    monkeypatch.setattr(wakeup._TaskPublisher, "ERROR_BACKOFF_SECONDS", 0.01)
    announcer, back = wakeup._TaskPublisher(), threading.Event()
    away = [True]

    def ring():
        if away:
            away.pop()
            raise ConnectionRefusedError
        back.set()

    announcer.enqueue("queue", ring)
    deadline = threading.Event()
    while away:
        assert not deadline.wait(0.01)
    announcer.enqueue("queue", ring)
    assert back.wait(5)
