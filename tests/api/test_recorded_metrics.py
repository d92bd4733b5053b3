"""GET /metrics: counters and histograms of transactions, pushes, deliveries and requests."""

import json
import re
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine
import yaml
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
DASHBOARD = Path(settings.BASE_DIR, "deploy", "grafana-dashboard.json")
ALERTS = Path(settings.BASE_DIR, "deploy", "prometheus", "alerts.yml")


@pytest.fixture(autouse=True)
def no_metrics(db):
    metrics.flush()
    MetricSeries.objects.all().delete()


@pytest.fixture
def metric_samples(client):
    """Return a function that returns the samples of a metric by the given labels."""

    def read(name, *labels):
        metrics.flush()
        families = text_string_to_metric_families(client.get("/metrics").content.decode())
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples}

    return read


@pytest.fixture
def start(portal, mobile_type, device):
    return lambda **fields: portal.start(mobile_type, device, **fields).json()["transaction_id"]


def test_transactions_are_counted_by_method_and_outcome(metric_samples, start, portal, device, client):
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
    assert metric_samples("countersign_transactions_started_total", "method") == {("push",): 5, ("otp",): 1}
    assert metric_samples("countersign_transactions_ended_total", "method", "outcome") == {
        ("push", outcome): 1 for outcome in ("authenticated", "not_accepted", "cancelled", "expired")
    }


def test_rolled_back_transaction_is_not_counted(metric_samples):
    with transaction.atomic():
        metrics.increment(metrics.STARTED, [("push",)])
        transaction.set_rollback(True)
    assert metric_samples("countersign_transactions_started_total") == {}


def test_pushes_are_counted_by_provider_and_outcome(metric_samples, start):
    start()
    # The endpoint of the configuration is unreachable.
    deliver_all(PushDelivery, pushes.deliver)
    assert metric_samples("countersign_push_attempts_total", "provider", "outcome") == {("fcm_http_v1", "retry"): 1}
    assert metric_samples("countersign_delivery_attempts_total", "queue", "outcome") == {("push", "retry"): 1}
    assert metric_samples("countersign_delivery_latency_seconds_count", "queue") == {("push",): 1}


def test_latency_is_the_time_from_due_to_recorded(metric_samples):
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
    counts = {bound: count for (bound,), count in metric_samples(f"{name}_bucket", "le").items()}
    assert {bound: counts[bound] for bound in ("0.5", "1.0", "2.5", "5.0", "300.0", "+Inf")} == {
        "0.5": 0, "1.0": 1, "2.5": 1, "5.0": 2, "300.0": 2, "+Inf": 3,
    }  # fmt: skip
    assert metric_samples(f"{name}_count", "queue") == {("callbacks",): 3}
    assert metric_samples(f"{name}_sum", "queue") == {("callbacks",): 1 + 4 + 401}
    assert metric_samples("countersign_delivery_attempts_total", "queue", "outcome") == {("callbacks", "delivered"): 3}


def test_requests_are_counted_by_endpoint_and_status_class(metric_samples, client, portal):
    for user in ("anna", "bert"):
        portal.get(f"/oauth/api/v4/users/{user}/devices")
    client.get("/oauth/api/v4/users/anna/devices")
    client.get("/no/such/address")
    client.generic("BREW", "/healthz")
    client.get("/admin/login/")
    client.get("/admin/no/such/page/")
    assert metric_samples("countersign_http_request_seconds_count", "method", "endpoint", "status") == {
        ("GET", "/oauth/api/v4/users/<str:user_id>/devices", "4xx"): 3,
        ("GET", "other", "4xx"): 1,
        ("other", "/healthz", "4xx"): 1,
        ("GET", "/admin/", "2xx"): 1,
        ("GET", "/admin/", "3xx"): 1,
    }


def test_request_metrics_cost_no_query(start, client):
    with CaptureQueriesContext(connection) as queries:
        start()
    assert not [one for one in queries if "events_metricseries" in one["sql"]]
    with CaptureQueriesContext(connection) as queries:
        metrics.flush()
        metrics.flush()
    assert len(queries) == 1


def test_every_label_fits_the_column(metric_samples):
    from django.urls import get_resolver

    def routes(patterns, before=""):
        for pattern in patterns:
            here = before + str(pattern.pattern)
            yield from routes(pattern.url_patterns, here) if hasattr(pattern, "url_patterns") else [here]

    longest = max((route for route in routes(get_resolver().url_patterns) if not route.startswith("admin/")), key=len)
    assert (
        len(metrics.REQUESTS.series("DELETE", f"/{longest}", "4xx", "10"))
        <= MetricSeries._meta.get_field("series").max_length
    )


def test_metrics_and_events_of_dashboard_and_alerts_exist(client):
    families = list(text_string_to_metric_families(client.get("/metrics").content.decode()))
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"], "gauge": [""]}
    known = {family.name + suffix for family in families for suffix in suffixes[family.type]}
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    named = {name for query in queries for name in re.findall(r"countersign_\w+", query)}
    assert named <= known
    # Each family is on the dashboard, too.
    assert {family.name for family in families} <= {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    rules = [rule["expr"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert {name for rule in rules for name in re.findall(r"countersign_\w+", rule)} <= known
    events = {name for query in [*queries, *rules] for name in re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", query)}
    assert events
    assert events <= set(EVENT_TYPES)
