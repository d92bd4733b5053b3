"""Metrics for Prometheus. All values are read from the database, so every web process returns the same."""

from collections.abc import Iterator
from math import inf

from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from apps.api.exceptions import NO_STORE, error_response
from apps.api.views import read_only
from apps.callbacks import problems
from apps.callbacks import services as callbacks
from apps.common import caller, errors
from apps.events import event_counters
from apps.events import metrics as event_metrics
from apps.events.models import AuditVerification
from apps.outbox import broker
from apps.outbox.queues import QUEUES


@read_only
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics in the text format of Prometheus to callers in METRICS_ALLOWED.

    The response is 503 while the database is unavailable.
    """
    if not caller.is_in_networks(caller.current().ip, settings.METRICS_ALLOWED):
        return error_response(errors.AccessDenied(), request.path)
    try:
        content = generate_latest(InstallationCollector())
    except DatabaseError:
        return error_response(errors.ServiceUnavailable(), request.path)
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


class InstallationCollector(Collector):
    """Collector of all metrics with nine queries. Each uses an index of due rows or a table with few rows."""

    def collect(self) -> Iterator[Metric]:
        yield from _queues()
        failed = GaugeMetricFamily(
            "countersign_deliveries_failed", "Permanently failed deliveries that can be redelivered.", labels=["queue"]
        )
        failed.add_metric(["callbacks"], callbacks.redeliverable_deliveries().count())
        yield failed
        yield GaugeMetricFamily(
            "countersign_callback_urls_failing",
            "Callback URLs that failed several times in succession, most recently within seven days.",
            value=problems.failing_urls().count(),
        )
        yield GaugeMetricFamily(
            "countersign_broker_up",
            "1 if the broker is available or none is configured, else 0.",
            value=broker.is_reachable_within(),
        )
        yield _events()
        yield from _audit_log()
        yield from _recorded_metrics()


def _queues() -> Iterator[Metric]:
    now = timezone.now()
    waiting = GaugeMetricFamily(
        "countersign_deliveries_waiting", "Deliveries that are due and not claimed by a worker.", labels=["queue"]
    )
    oldest_waiting = GaugeMetricFamily(
        "countersign_deliveries_oldest_waiting_seconds",
        "Time since the oldest waiting delivery became due; 0 if none is waiting.",
        labels=["queue"],
    )
    for name, queue in ((queue.name, queue.rows) for queue in QUEUES):
        statistics = queue.due(now).order_by().aggregate(number=Count("*"), first=Min("due_at"))
        waiting.add_metric([name], statistics["number"])
        oldest_waiting.add_metric([name], (now - statistics["first"]).total_seconds() if statistics["first"] else 0)
    yield from (waiting, oldest_waiting)


def _events() -> Metric:
    family = CounterMetricFamily("countersign_events_total", "Events by type.", labels=["type"])
    for event_type, total in sorted(event_counters.totals().items()):
        family.add_metric([event_type], total)
    return family


def _audit_log() -> Iterator[Metric]:
    """Yield the result of the last recorded verification. Before the first one, its time is 0."""
    verification = AuditVerification.objects.first()
    yield GaugeMetricFamily(
        "countersign_audit_log_verified_timestamp_seconds",
        "Time of the last recorded verification of the audit log, in seconds since 1970; 0 if there is none.",
        value=verification.verified_at.timestamp() if verification else 0,
    )
    yield GaugeMetricFamily(
        "countersign_audit_log_problems",
        "Problems of the last recorded verification of the audit log.",
        value=verification.problems if verification else 0,
    )


def _recorded_metrics() -> Iterator[Metric]:
    """Yield the recorded counters and histograms. A label combination without a sample has no series."""
    snapshot = event_metrics.MetricsSnapshot()
    for counter in event_metrics.COUNTERS:
        family = CounterMetricFamily(counter.name, counter.text, labels=counter.labels)
        for total in snapshot.counter_samples(counter):
            family.add_metric(total.labels, total.value)
        yield family
    for histogram in event_metrics.HISTOGRAMS:
        distribution = HistogramMetricFamily(histogram.name, histogram.text, labels=histogram.labels)
        for statistics in snapshot.histogram_samples(histogram):
            buckets = [("+Inf" if bound == inf else str(float(bound)), number) for bound, number in statistics.buckets]
            distribution.add_metric(statistics.labels, buckets, statistics.seconds)
        yield distribution
