"""The look of a dispatcher at its due rows: where it starts, and what it finds."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.outbox import due_rows as looks
from apps.outbox.due_rows import OVERLAP, DueRows
from tests.worker.test_outbox import due_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def due():
    """Due rows of a queue, after a look that found nothing left."""
    rows = DueRows(CallbackDelivery)
    rows.mark_seen(rows.select(()), ())
    return rows


def keys(look):
    return [row.concurrency_key for row in look.rows]


def test_row_that_was_stored_late_is_found(due):
    due_rows(1, "late", due_at=timezone.now() - OVERLAP / 2)
    assert keys(due.select(())) == ["late"]


def test_older_row_is_found_by_the_next_full_look(due, monkeypatch):
    due_rows(1, "old", due_at=timezone.now() - 2 * OVERLAP)
    assert keys(due.select(())) == []
    monkeypatch.setattr(looks, "FULL_LOOK_SECONDS", 0)
    assert keys(due.select(())) == ["old"]


def test_rows_that_were_not_started_are_found_again(due, monkeypatch):
    [row] = due_rows(1, "waiting", due_at=timezone.now() - 2 * OVERLAP)
    monkeypatch.setattr(looks, "FULL_LOOK_SECONDS", 0)
    look = due.select(())
    monkeypatch.setattr(looks, "FULL_LOOK_SECONDS", 60)
    due.mark_seen(look, ())
    assert keys(due.select(())) == ["waiting"]
    due.mark_seen(look, [row.pk])
    assert keys(due.select(())) == []


def test_rows_of_excluded_keys_are_found_later(due, monkeypatch):
    due_rows(1, "busy", due_at=timezone.now() - 2 * OVERLAP)
    monkeypatch.setattr(looks, "FULL_LOOK_SECONDS", 0)
    look = due.select(["busy"])
    assert keys(look) == []
    monkeypatch.setattr(looks, "FULL_LOOK_SECONDS", 60)
    due.mark_seen(look, ())
    assert keys(due.select(())) == ["busy"]


def test_look_returns_the_time_of_the_next_row(due):
    later = timezone.now() + timedelta(seconds=0.5)
    due_rows(1, "soon", due_at=later)
    due_rows(1, "tomorrow", due_at=later + timedelta(days=1))
    look = due.select(())
    assert (look.rows, look.later) == ([], [later])


def test_claimed_row_is_not_due_until_its_lease_ends(due):
    [row] = due_rows(1, "claimed")
    CallbackDelivery.objects.filter(pk=row.pk).update(claim=row.pk, leased_until=timezone.now() + timedelta(minutes=1))
    assert keys(due.select(())) == []
    CallbackDelivery.objects.filter(pk=row.pk).update(leased_until=timezone.now())
    assert keys(due.select(())) == ["claimed"]
