"""Claims of deliveries, results of attempts, and notifications of workers."""

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
    """Set the end of the lease into the past, as if the worker had been terminated."""
    CallbackDelivery.objects.filter(pk=row.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_concurrent_claims_never_share_a_row():
    ids, workers = [row.pk for row in due_rows(12)], 6
    barrier = threading.Barrier(workers)

    def claim(_number):
        barrier.wait(10)
        try:
            return [row.pk for row in claims.claim(CallbackDelivery, ids)]
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        claimed = [pk for part in pool.map(claim, range(workers)) for pk in part]
    assert sorted(claimed) == sorted(ids)
    assert CallbackAttempt.objects.count() == 12


def test_claim_stores_the_attempt_and_lasts_for_its_lease():
    [row] = due_rows(1)
    [claimed] = claims.claim(CallbackDelivery, [row.pk])
    assert claims.claim(CallbackDelivery, [row.pk]) == []
    row.refresh_from_db()
    remaining = (row.leased_until - timezone.now()).total_seconds()
    assert claims.LEASE_SECONDS - 2 < remaining <= claims.LEASE_SECONDS
    assert (row.claim, row.attempts_made) == (claimed.claim, 1)
    attempt = row.attempts.get()
    assert (attempt.number, attempt.outcome) == (1, "")


def test_only_due_rows_are_claimed():
    later = timezone.now() + timedelta(seconds=60)
    rows = due_rows(1, due_at=later) + due_rows(1, state=outbox.State.DONE) + due_rows(1, state=outbox.State.FAILED)
    assert claims.claim(CallbackDelivery, [row.pk for row in rows]) == []


def test_lost_claim_records_no_result():
    [row] = due_rows(1)
    [first] = claims.claim(CallbackDelivery, [row.pk])
    end_lease(row)
    [second] = claims.claim(CallbackDelivery, [row.pk])
    assert record_result(first, outbox.State.FAILED) == set()
    row.refresh_from_db()
    assert (row.state, row.claim, row.ended_at) == (outbox.State.DUE, second.claim, None)

    assert record_result(second, outbox.State.DONE) == {row.pk}
    assert record_result(first, outbox.State.FAILED) == set()
    row.refresh_from_db()
    assert (row.state, row.claim) == (outbox.State.DONE, None)
    assert row.ended_at is not None
    assert [(attempt.number, attempt.outcome) for attempt in row.attempts.all()] == [(1, ""), (2, "delivered")]


def test_results_of_several_rows_are_recorded_together():
    rows = due_rows(3)
    claimed = {row.pk: row for row in claims.claim(CallbackDelivery, [row.pk for row in rows])}
    later = timezone.now() + timedelta(seconds=30)
    with transaction.atomic():
        recorded = claims.record_results(
            [
                claims.AttemptResult(claimed[rows[0].pk], outbox.State.DONE, "delivered", status=200),
                claims.AttemptResult(claimed[rows[1].pk], outbox.State.DUE, "failed", "timeout", due_at=later),
                claims.AttemptResult(claimed[rows[2].pk], outbox.State.FAILED, "failed", "gone", 410),
            ]
        )
    assert recorded == set(claimed)
    for row in rows:
        row.refresh_from_db()
    assert [row.state for row in rows] == ["done", "due", "failed"]
    assert [row.claim for row in rows] == [None] * 3
    assert rows[1].due_at == later
    attempts = [row.attempts.get() for row in rows]
    assert [(attempt.outcome, attempt.reason, attempt.status) for attempt in attempts] == [
        ("delivered", "", 200),
        ("failed", "timeout", None),
        ("failed", "gone", 410),
    ]
    assert all(attempt.duration_ms is not None for attempt in attempts)


def record_result(row, state):
    with transaction.atomic():
        return claims.record_results([claims.AttemptResult(row, state, "delivered")])


def test_burst_of_notifications_sends_few_tasks():
    published, is_released = threading.Semaphore(0), threading.Event()
    calls = []

    def publish():
        calls.append(1)
        published.release()
        is_released.wait(10)

    publisher = wakeup._TaskPublisher(publish)
    publisher.enqueue()
    assert published.acquire(timeout=5)
    for _number in range(100):
        publisher.enqueue()
    is_released.set()
    assert published.acquire(timeout=5)
    assert not published.acquire(timeout=0.2)
    assert len(calls) == 2


def test_notification_is_sent_after_the_broker_recovers(monkeypatch):
    monkeypatch.setattr(wakeup._TaskPublisher, "ERROR_BACKOFF_SECONDS", 0.01)
    is_published = threading.Event()
    failures = [ConnectionRefusedError]

    def publish():
        if failures:
            raise failures.pop()
        is_published.set()

    publisher = wakeup._TaskPublisher(publish)
    publisher.enqueue()
    deadline = threading.Event()
    while failures:
        assert not deadline.wait(0.01)
    publisher.enqueue()
    assert is_published.wait(5)
