"""Metrics: transactions by outcome, delivery attempts with their latency, and duration of HTTP requests.

They are counted in the memory of each process, like events. A series is a metric name with label values. A histogram
has a counter per bucket and the sum in milliseconds. Its buckets are fixed, so the counts of all processes add up.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import inf
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.events.counter_buffer import CounterBuffer
from apps.events.models import MetricSeries
from apps.outbox.claims import AttemptResult

SEPARATOR = "|"
SUM = "sum"

_buffer = CounterBuffer("events_metricseries", "series")


@dataclass(frozen=True)
class CounterMetric:
    """Counter for each combination of label values. Its name is without the suffix `_total` of Prometheus."""

    name: str
    text: str
    labels: tuple[str, ...]

    def series(self, *values: str) -> str:
        return SEPARATOR.join([self.name, *values])


@dataclass(frozen=True)
class HistogramMetric(CounterMetric):
    """Histogram of durations. `bounds` are the upper bounds of the buckets in seconds."""

    bounds: tuple[float, ...]

    def observation(self, seconds: float, *values: str) -> dict[str, int]:
        """Return the counts that one observation adds."""
        bucket = bisect_left(self.bounds, seconds)
        return {self.series(*values, str(bucket)): 1, self.series(*values, SUM): round(seconds * 1000)}


STARTED = CounterMetric(
    "countersign_transactions_started", "Transactions initiated by portals, by method.", ("method",)
)
ENDED = CounterMetric(
    "countersign_transactions_ended", "Transactions that ended, by method and outcome.", ("method", "outcome")
)
PUSH_ATTEMPTS = CounterMetric(
    "countersign_push_attempts", "Pushes sent to a push service, by provider and outcome.", ("provider", "outcome")
)
ATTEMPTS = CounterMetric(
    "countersign_delivery_attempts", "Delivery attempts, by queue and outcome.", ("queue", "outcome")
)
LATENCY = HistogramMetric(
    "countersign_delivery_latency_seconds",
    "Time from when an attempt was due until its outcome was recorded.",
    ("queue",),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
REQUESTS = HistogramMetric(
    "countersign_http_request_seconds",
    "Time to respond to a request, by method, endpoint and status class.",
    ("method", "endpoint", "status"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
COUNTERS = (STARTED, ENDED, PUSH_ATTEMPTS, ATTEMPTS)
HISTOGRAMS = (LATENCY, REQUESTS)


def increment(counter: CounterMetric, values: Iterable[Sequence[str]]) -> None:
    """Count each combination of labels once, after the commit of the database transaction."""
    transaction.on_commit(partial(_buffer.add, Counter(counter.series(*labels) for labels in values)))


def observe_request(seconds: float, *labels: str) -> None:
    """Record the duration of a request."""
    _buffer.add(REQUESTS.observation(seconds, *labels))


def record_attempts(queue: str, results: Iterable[AttemptResult], recorded: Collection[UUID]) -> None:
    """Count the results of attempts after the commit. `recorded` are the ids of rows whose claim was valid."""
    now, counts = timezone.now(), Counter[str]()
    for result in results:
        if result.row.pk in recorded:
            # The claimed row in memory has the time at which it was due before the claim.
            seconds = max((now - result.row.due_at).total_seconds(), 0)
            counts.update({ATTEMPTS.series(queue, str(result.outcome)): 1})
            counts.update(LATENCY.observation(seconds, queue))
    transaction.on_commit(partial(_buffer.add, counts))


def flush() -> None:
    """Add the counts of this process to the table. A database error keeps them for the next flush."""
    _buffer.flush()


@dataclass(frozen=True)
class CounterSample:
    """Value of a counter for one combination of label values."""

    labels: tuple[str, ...]
    value: int


@dataclass(frozen=True)
class HistogramSample:
    """Values of a histogram for one combination of label values.

    `buckets` are cumulative counts with their upper bounds; the last bound is infinite.
    """

    labels: tuple[str, ...]
    buckets: list[tuple[float, int]]
    seconds: float


class MetricsSnapshot:
    """Snapshot of all series, read in one query."""

    def __init__(self) -> None:
        self._stored: dict[str, dict[tuple[str, ...], int]] = {}
        for series, total in MetricSeries.objects.order_by("series").values_list("series", "total"):
            name, *values = series.split(SEPARATOR)
            self._stored.setdefault(name, {})[tuple(values)] = total

    def counter_samples(self, counter: CounterMetric) -> Iterator[CounterSample]:
        for values, total in self._stored.get(counter.name, {}).items():
            yield CounterSample(values, total)

    def histogram_samples(self, histogram: HistogramMetric) -> Iterator[HistogramSample]:
        stored = self._stored.get(histogram.name, {})
        bounds = [*histogram.bounds, inf]
        for labels in dict.fromkeys(values[:-1] for values in stored):
            counts = accumulate(stored.get((*labels, str(bucket)), 0) for bucket in range(len(bounds)))
            seconds = stored.get((*labels, SUM), 0) / 1000
            yield HistogramSample(labels, list(zip(bounds, counts, strict=True)), seconds)
