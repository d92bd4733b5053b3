"""Concurrent purges, and purges with locked rows."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.transactions import purge
from apps.transactions.models import Transaction
from tests import factories
from tests.api.test_races import at_once, own_transactions  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no locks of rows"),
]
SECONDS = 20


@pytest.fixture
def old(db):
    """Create three batches of old ended transactions with the same start time."""
    client: ApiClient = factories.ApiClientFactory()
    then = timezone.now() - timedelta(days=100)
    return Transaction.objects.bulk_create(
        Transaction(
            client=client,
            type_name="x",
            method="push",
            token="x",
            status="authenticated",
            created_at=then,
            expires_at=then,
            ended_at=then,
        )
        for _ in range(purge.BATCH * 3)
    )


def purge_now(_client=None):
    return purge.purge(before=timezone.now() - timedelta(days=30))["transactions"]


def test_concurrent_purges_delete_each_row_once(old):
    assert sum(at_once(purge_now, purge_now)) == len(old)
    assert not Transaction.objects.exists()


def test_locked_rows_are_skipped(old):
    first = list(Transaction.objects.order_by("created_at", "pk").values_list("pk", flat=True)[: purge.BATCH])
    locked, done = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                list(Transaction.objects.select_for_update().filter(pk__in=first).values_list("pk"))
                locked.set()
                done.wait(SECONDS)
        finally:
            connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(SECONDS)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 5000")
        assert purge_now() == len(old) - len(first)
    finally:
        done.set()
        holder.join(SECONDS)
    assert purge_now() == len(first)
