"""Callbacks as the worker makes them: from a stored row to a portal, over the wire."""

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
    """Store a callback that is due; returns its row."""
    return lambda url: CallbackDelivery.objects.create(url=url, concurrency_key=origin(url), transaction_id=uuid4())


@pytest.fixture
def deliver(db):
    """Do what the worker does with these rows now, and return them as they are then."""

    def run(*rows):
        due = [row.pk for row in rows]
        # A row that waits for its next try is not waited for.
        CallbackDelivery.objects.filter(pk__in=due, state=outbox.State.DUE).update(due_at=rows[0].created_at)
        written = [row.pk for part in delivery.deliver(claims.claim(CallbackDelivery, due)) for row in part]
        for row in rows:
            row.refresh_from_db()
        assert sorted(written) == sorted(due)
        return rows

    return run
