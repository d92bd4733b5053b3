"""GET /metrics: waiting and failed deliveries and event counts, for callers in METRICS_ALLOWED."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.callbacks.models import CallbackDelivery, FailingCallbackUrl
from apps.events import counter_buffer, event_counters, services
from apps.events.facts import DeliveryFacts
from apps.events.models import Event, EventCount
from apps.events.types import EVENT_TYPES, EventTypes
from apps.transactions.models import PushDelivery, SmsDelivery
from config import worker
from tests.query_plans import query_plan

SENT = EventTypes.PUSH_AUTH_CALLBACK_SENT
FACTS = DeliveryFacts(
    user_id="anna",
    client_id="shop",
    transaction_id=uuid4(),
    attempt=1,
    http_status=200,
    reason="",
    next_attempt_at=None,
)


def read(client):
    """Return the value of every sample by name and label."""
    response = client.get("/metrics")
    assert response.status_code == 200
    families = text_string_to_metric_families(response.content.decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def callback(**fields):
    return CallbackDelivery.objects.create(url="http://127.0.0.1:9/", transaction_id=uuid4(), **fields)


@pytest.mark.parametrize(
    ("address", "forwarded", "allowed", "status"),
    [
        ("127.0.0.1", "", None, 200),
        ("127.8.8.8", "", None, 200),
        ("::1", "", None, 200),
        ("203.0.113.9", "", None, 403),
        ("203.0.113.9", "127.0.0.1", None, 403),
        ("192.0.2.1", "203.0.113.9", None, 403),
        ("192.0.2.1", "127.0.0.1", None, 200),
        ("203.0.113.9", "", ["203.0.113.0/24"], 200),
        ("127.0.0.1", "", ["203.0.113.0/24"], 403),
        ("127.0.0.1", "", [], 403),
        ("", "", None, 403),
    ],
)
def test_metrics_require_an_allowed_network(client, db, settings, address, forwarded, allowed, status):
    settings.TRUSTED_PROXIES = ["192.0.2.0/24"]
    if allowed is not None:
        settings.METRICS_ALLOWED = allowed
    response = client.get("/metrics", headers={"X-Forwarded-For": forwarded} if forwarded else {}, REMOTE_ADDR=address)
    assert response.status_code == status
    if status == 403:
        assert response.json()["error"] == "access_denied"
    else:
        assert response.headers["Content-Type"].startswith("text/plain; version=")


def test_waiting_deliveries_are_due_and_unclaimed(client, portal, mobile_type, device):
    now = timezone.now()
    assert read(client)["countersign_deliveries_oldest_waiting_seconds", "callbacks"] == 0
    callback(due_at=now - timedelta(seconds=60))
    callback(due_at=now - timedelta(seconds=20))
    callback(due_at=now + timedelta(seconds=20), claim=uuid4())
    callback(due_at=now - timedelta(hours=2), state="done")
    callback(due_at=now - timedelta(hours=2), state="failed")
    started = portal.start(mobile_type, device).json()["transaction_id"]
    SmsDelivery.objects.create(transaction_id=started, due_at=now - timedelta(seconds=10))
    with time_machine.travel(now + timedelta(seconds=5), tick=False):
        samples = read(client)
    waiting = {name: samples["countersign_deliveries_waiting", name] for name in ("push", "sms", "callbacks")}
    assert waiting == {"push": 1, "sms": 1, "callbacks": 2}
    assert samples["countersign_deliveries_oldest_waiting_seconds", "callbacks"] == 65
    assert samples["countersign_deliveries_oldest_waiting_seconds", "sms"] == 15
    assert samples["countersign_deliveries_failed", "callbacks"] == 1
    PushDelivery.objects.update(state="done")
    assert read(client)["countersign_deliveries_waiting", "push"] == 0


def test_failing_callback_urls_match_the_console(client, db):
    now = timezone.now()
    for url, failures, days in (("a", 3, 0), ("b", 9, 6), ("c", 2, 0), ("d", 3, 8)):
        timestamp = now - timedelta(days=days)
        FailingCallbackUrl.objects.create(url=url, failures=failures, failing_since=timestamp, last_failed_at=timestamp)
    assert read(client)["countersign_callback_urls_failing",] == 2


def total(client, event_type):
    return read(client)["countersign_events_total", str(event_type)]


@pytest.mark.django_db(transaction=True)
def test_events_are_counted_when_committed(client):
    event_counters.flush()
    EventCount.objects.all().delete()
    assert total(client, SENT) == 0
    services.record(SENT, FACTS)
    types = (SENT, EventTypes.PUSH_AUTH_CALLBACK_FAILED)
    services.record_all([services.build(event_type, FACTS) for event_type in types])
    with transaction.atomic():
        services.record(SENT, FACTS)
        transaction.set_rollback(True)
    assert total(client, SENT) == 0

    with CaptureQueriesContext(connection) as queries:
        event_counters.flush()
        event_counters.flush()
    assert len(queries) == 1
    assert (total(client, SENT), total(client, EventTypes.PUSH_AUTH_CALLBACK_FAILED)) == (2, 1)
    # What another process has added meanwhile stays.
    EventCount.objects.filter(event_type=SENT).update(total=10)
    services.record(SENT, FACTS)
    event_counters.flush()
    assert total(client, SENT) == 11
    assert {key[1] for key in read(client) if key[0] == "countersign_events_total"} == set(EVENT_TYPES)


@pytest.mark.django_db(transaction=True)
def test_event_counts_cost_no_query_and_survive_failed_writes(client, monkeypatch):
    event_counters.flush()
    before = total(client, EventTypes.API_AUTHENTICATION_FAILED)
    with CaptureQueriesContext(connection) as queries:
        client.get("/oauth/api/v1/events")
    assert Event.objects.count() == 1
    assert not [query for query in queries if "eventcount" in query["sql"]]

    with monkeypatch.context() as patched:
        patched.setattr(counter_buffer, "ADD", "INSERT INTO a_table_that_is_away VALUES {rows}")
        with pytest.raises(DatabaseError):
            event_counters.flush()
    assert total(client, EventTypes.API_AUTHENTICATION_FAILED) == before
    event_counters.flush()
    assert total(client, EventTypes.API_AUTHENTICATION_FAILED) == before + 1


def test_unavailable_database_gets_503(client, db, monkeypatch):
    def away():
        raise OperationalError("away")

    monkeypatch.setattr(event_counters, "totals", away)
    response = client.get("/metrics")
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")


def test_every_worker_queue_has_metrics(client, db):
    measured = {key[1] for key in read(client) if key[0] == "countersign_deliveries_waiting"}
    assert measured == set(worker.QUEUES)


def test_metrics_scan_no_growing_table(client, db):
    with CaptureQueriesContext(connection) as queries:
        read(client)
    assert len(queries) == 9
    for query in queries:
        assert not re.search(
            r"Seq Scan on \w+(delivery|lookup)|SCAN \w+(delivery|lookup)$", query_plan(query["sql"]), re.MULTILINE
        )
