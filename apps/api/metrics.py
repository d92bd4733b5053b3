"""What a Prometheus server reads: everything from the database, so that any web process tells it of them all."""

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
from apps.outbox import broker
from apps.outbox.queues import QUEUES


@read_only
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus' text format, to callers from METRICS_ALLOWED only; 503 while the database is away."""
    if not caller.is_in_networks(caller.current().ip, settings.METRICS_ALLOWED):
        return error_response(errors.AccessDenied(), request.path)
    try:
        content = generate_latest(InstallationCollector())
    except DatabaseError:
        return error_response(errors.ServiceUnavailable(), request.path)
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


class InstallationCollector(Collector):
    """Eight queries, each answered by an index over live rows or a table of few rows, however much history there is."""

    def collect(self) -> Iterator[Metric]:
        yield from _queues()
        failed = GaugeMetricFamily(
            "countersign_deliveries_failed", "Deliveries that failed for good and are kept.", labels=["queue"]
        )
        failed.add_metric(["callbacks"], callbacks.failed_deliveries().count())
        yield failed
        yield GaugeMetricFamily(
            "countersign_callback_urls_failing",
            "Callback addresses that failed several times in a row, the last time within seven days.",
            value=problems.failing_urls().count(),
        )
        yield GaugeMetricFamily(
            "countersign_broker_up",
            "1 if the broker is available or none is configured, else 0.",
            value=broker.is_reachable_within(),
        )
        yield _events()
        yield from _recorded_metrics()


def _queues() -> Iterator[Metric]:
    now = timezone.now()
    waiting = GaugeMetricFamily(
        "countersign_deliveries_waiting", "Deliveries that are due now and taken by no worker.", labels=["queue"]
    )
    oldest_waiting = GaugeMetricFamily(
        "countersign_deliveries_oldest_waiting_seconds",
        "How long the delivery that waits longest has been due; 0 when none waits.",
        labels=["queue"],
    )
    for name, queue in ((queue.name, queue.rows) for queue in QUEUES):
        found = queue.due(now).order_by().aggregate(number=Count("*"), first=Min("due_at"))
        waiting.add_metric([name], found["number"])
        oldest_waiting.add_metric([name], (now - found["first"]).total_seconds() if found["first"] else 0)
    yield from (waiting, oldest_waiting)


def _events() -> Metric:
    family = CounterMetricFamily("countersign_events_total", "Events by type.", labels=["type"])
    for event_type, total in sorted(event_counters.totals().items()):
        family.add_metric([event_type], total)
    return family


def _recorded_metrics() -> Iterator[Metric]:
    """Tell what was measured; what never happened has no series yet."""
    snapshot = event_metrics.MetricsSnapshot()
    for counter in event_metrics.COUNTERS:
        family = CounterMetricFamily(counter.name, counter.text, labels=counter.labels)
        for total in snapshot.counter_samples(counter):
            family.add_metric(total.labels, total.value)
        yield family
    for histogram in event_metrics.HISTOGRAMS:
        distribution = HistogramMetricFamily(histogram.name, histogram.text, labels=histogram.labels)
        for found in snapshot.histogram_samples(histogram):
            buckets = [("+Inf" if bound == inf else str(float(bound)), number) for bound, number in found.buckets]
            distribution.add_metric(found.labels, buckets, found.seconds)
        yield distribution
