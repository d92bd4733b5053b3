"""GET /metrics: transactions by method and outcome, pushes by provider, how long deliveries and requests take."""

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.callbacks import delivery as callbacks
from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.events import metrics
from apps.events.models import MetricSeries
from apps.events.types import EVENT_TYPES
from apps.outbox import claims
from apps.transactions.methods.push import delivery as pushes
from apps.transactions.models import PushDelivery, Transaction
from tests import factories
from tests.commands.command_runner import run
from tests.security.secret_search import deliver_all

pytestmark = pytest.mark.django_db(transaction=True)
DASHBOARD = Path(settings.BASE_DIR, "docs", "grafana-dashboard.json")


@pytest.fixture(autouse=True)
def nothing_measured(db):
    metrics.flush()
    MetricSeries.objects.all().delete()


@pytest.fixture
def told(client):
    """Return the samples of one name that /metrics tells once everything is added, by the labels that are named."""

    def read(name, *labels):
        metrics.flush()
        families = text_string_to_metric_families(client.get("/metrics").content.decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}

    return read


@pytest.fixture
def start(portal, mobile_type, device):
    return lambda **fields: portal.start(mobile_type, device, **fields).json()["transaction_id"]


def test_transactions_are_counted_by_method_and_outcome(told, start, portal, device, client):
    approved, refused, cancelled, expired, _pending = (start() for _number in range(5))
    device.answer(device.fetch(approved), approve=True)
    device.answer(device.fetch(refused), approve=False)
    assert (
        portal.client.delete(
            f"/oauth/api/v4/authenticate/transaction/{cancelled}", headers={"Authorization": portal.authorization}
        ).status_code
        == 204
    )
    Transaction.objects.filter(pk=expired).update(expires_at=timezone.now())
    run("expire_transactions")
    otp = factories.TypeFactory(method="otp")
    portal.post("/oauth/api/v4/authenticate/user", {"type": otp.name, "callback_uri": "http://127.0.0.1:9/"})
    assert told("countersign_transactions_started_total", "method") == {("push",): 5, ("otp",): 1}
    assert told("countersign_transactions_ended_total", "method", "outcome") == {
        ("push", outcome): 1 for outcome in ("authenticated", "not_accepted", "cancelled", "expired")
    }


def test_what_is_rolled_back_is_not_measured(told):
    with transaction.atomic():
        metrics.increment(metrics.STARTED, [("push",)])
        transaction.set_rollback(True)
    assert told("countersign_transactions_started_total") == {}


def test_pushes_are_counted_by_provider_and_outcome(told, start):
    start()
    # Nobody listens at the configuration's address.
    deliver_all(PushDelivery, pushes.deliver)
    assert told("countersign_push_attempts_total", "provider", "outcome") == {("fcm_http_v1", "retry"): 1}
    assert told("countersign_delivery_attempts_total", "queue", "outcome") == {("push", "retry"): 1}
    assert told("countersign_delivery_latency_seconds_count", "queue") == {("push",): 1}


def test_latency_counts_from_when_an_attempt_was_due_until_it_is_written_down(told):
    now = timezone.now()
    for seconds in (0, 3, 400):
        CallbackDelivery.objects.create(
            url="http://a.example", transaction_id=uuid4(), due_at=now - timedelta(seconds=seconds)
        )
    with time_machine.travel(now, tick=False):
        rows = claims.claim(CallbackDelivery, list(CallbackDelivery.objects.values_list("pk", flat=True)))
    with time_machine.travel(now + timedelta(seconds=1), tick=False):
        callbacks.record([(row, CallbackResult(delivered=True, status=204)) for row in rows])
        # The claim is over: nothing is written down, and nothing measured.
        callbacks.record([(row, CallbackResult(delivered=True, status=204)) for row in rows])
    name = "countersign_delivery_latency_seconds"
    counts = {bound: count for (bound,), count in told(f"{name}_bucket", "le").items()}
    assert {bound: counts[bound] for bound in ("0.5", "1.0", "2.5", "5.0", "300.0", "+Inf")} == {
        "0.5": 0, "1.0": 1, "2.5": 1, "5.0": 2, "300.0": 2, "+Inf": 3,
    }  # fmt: skip
    assert told(f"{name}_count", "queue") == {("callbacks",): 3}
    assert told(f"{name}_sum", "queue") == {("callbacks",): 1 + 4 + 401}
    assert told("countersign_delivery_attempts_total", "queue", "outcome") == {("callbacks", "delivered"): 3}


def test_requests_are_counted_by_endpoint_and_class_of_status_without_what_callers_write(told, client, portal):
    for user in ("anna", "bert"):
        portal.get(f"/oauth/api/v4/users/{user}/devices")
    client.get("/oauth/api/v4/users/anna/devices")
    client.get("/no/such/address")
    client.generic("BREW", "/healthz")
    client.get("/admin/login/")
    client.get("/admin/no/such/page/")
    assert told("countersign_http_request_seconds_count", "method", "endpoint", "status") == {
        ("GET", "/oauth/api/v4/users/<str:user_id>/devices", "4xx"): 3,
        ("GET", "other", "4xx"): 1,
        ("other", "/healthz", "4xx"): 1,
        ("GET", "/admin/", "2xx"): 1,
        ("GET", "/admin/", "3xx"): 1,
    }


def test_a_request_pays_no_query_for_what_is_measured(start, client):
    with CaptureQueriesContext(connection) as queries:
        start()
    assert not [one for one in queries if "events_metricseries" in one["sql"]]
    with CaptureQueriesContext(connection) as queries:
        metrics.flush()
        metrics.flush()
    assert len(queries) == 1


def test_no_label_is_longer_than_the_table_takes(told):
    from django.urls import get_resolver

    def routes(patterns, before=""):
        for one in patterns:
            here = before + str(one.pattern)
            yield from routes(one.url_patterns, here) if hasattr(one, "url_patterns") else [here]

    longest = max((route for route in routes(get_resolver().url_patterns) if not route.startswith("admin/")), key=len)
    assert (
        len(metrics.REQUESTS.series("DELETE", f"/{longest}", "4xx", "10"))
        <= MetricSeries._meta.get_field("series").max_length
    )


def test_every_metric_and_every_event_that_the_dashboard_names_exists(client):
    families = list(text_string_to_metric_families(client.get("/metrics").content.decode()))
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
    known = {family.name + suffix for family in families for suffix in suffixes[family.type]}
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    named = {name for query in queries for name in re.findall(r"countersign_\w+", query)}
    assert named <= known
    # Each family is on the dashboard, too.
    assert {family.name for family in families} <= {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    events = {name for query in queries for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", query)}
    assert events
    assert events <= set(EVENT_TYPES)
