"""Purges on PostgreSQL: concurrent, with locked rows, and their query plans."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.callbacks.models import CallbackDelivery
from apps.transactions import purge
from apps.transactions.models import PushDelivery, Transaction
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


def test_purge_finds_rows_by_index_without_statistics(old):
    PushDelivery.objects.bulk_create(PushDelivery(transaction=row, state="done") for row in old)
    CallbackDelivery.objects.bulk_create(CallbackDelivery(transaction_id=row.pk, url="x", state="done") for row in old)
    tables = [
        model._meta.db_table
        for parent in (Transaction, PushDelivery, CallbackDelivery)
        for model in (parent, *(relation.related_model for relation in parent._meta.related_objects))
    ]
    before = sequential_scans(tables)
    assert purge_now() == len(old)
    assert sequential_scans(tables) == before
    assert not PushDelivery.objects.exists()


def sequential_scans(tables):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname = ANY(%s)", [tables])
        return cursor.fetchone()[0]
