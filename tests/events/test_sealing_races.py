"""Concurrent workers on PostgreSQL seal each event once, also events of open database transactions."""

import threading

import pytest
from django.db import connections, transaction

from apps.events.audit import sealing
from apps.events.models import AuditBlock, Event
from tests.events.test_audit_log import create_events, verify
from tests.servers import BACKEND

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(BACKEND != "postgres", reason="SQLite runs one writing transaction at a time"),
]
SECONDS = 20


def in_threads(*functions):
    def run(function):
        try:
            function()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    return threads


def test_concurrent_workers_seal_each_event_once(monkeypatch):
    monkeypatch.setattr(sealing, "BLOCK_EVENTS", 5)
    create_events(40)
    for thread in in_threads(sealing.seal, sealing.seal, sealing.seal):
        thread.join(SECONDS)
    sealing.seal()
    assert verify() == []
    assert AuditBlock.objects.count() == 8


def test_event_of_an_open_transaction_is_sealed_after_its_commit():
    inserted, may_commit = threading.Event(), threading.Event()

    def insert():
        with transaction.atomic():
            create_events(1)
            inserted.set()
            may_commit.wait(SECONDS)

    [thread] = in_threads(insert)
    assert inserted.wait(SECONDS)
    create_events(1)
    assert sealing.seal() == 1
    may_commit.set()
    thread.join(SECONDS)
    late, early = Event.objects.order_by("pk")
    assert late.pk < early.pk
    assert sealing.seal() == 1
    assert verify() == []
