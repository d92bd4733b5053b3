"""Fixtures for callbacks that are delivered from stored rows to a fake portal, as by the worker."""

from uuid import uuid4

import pytest

from apps.callbacks import delivery
from apps.callbacks.models import CallbackDelivery
from apps.common.urls import origin
from apps.outbox import claims
from apps.outbox import models as outbox
from tests.fakes.portal import Portal


@pytest.fixture
def sink():
    with Portal() as portal:
        yield portal


@pytest.fixture
def store(db):
    """Store a due callback and return its row."""
    return lambda url: CallbackDelivery.objects.create(url=url, concurrency_key=origin(url), transaction_id=uuid4())


@pytest.fixture
def deliver(db):
    """Deliver these rows as the worker does, and return them refreshed."""

    def run(*rows):
        due = [row.pk for row in rows]
        # The backoff is skipped.
        CallbackDelivery.objects.filter(pk__in=due, state=outbox.State.DUE).update(due_at=rows[0].created_at)
        written = [row.pk for part in delivery.deliver(claims.claim(CallbackDelivery, due)) for row in part]
        for row in rows:
            row.refresh_from_db()
        assert sorted(written) == sorted(due)
        return rows

    return run
