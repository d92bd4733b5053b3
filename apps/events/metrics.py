"""What is measured besides events: how transactions end, what deliveries come to and how long they take, requests.

Counted like events, in the memory of each process. A series is a name with the values of its labels; a histogram keeps
a number for each of its buckets (fixed, so that those of all processes and all versions add up) and the sum of
milliseconds.
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
    """A number that only grows, for each combination of labels. Names are without Prometheus' `_total`."""

    name: str
    text: str
    labels: tuple[str, ...]

    def series(self, *values: str) -> str:
        return SEPARATOR.join([self.name, *values])


@dataclass(frozen=True)
class HistogramMetric(CounterMetric):
    """How long something takes; `bounds` are the buckets' upper ends in seconds."""

    bounds: tuple[float, ...]

    def observation(self, seconds: float, *values: str) -> dict[str, int]:
        """Return what one observation adds."""
        bucket = bisect_left(self.bounds, seconds)
        return {self.series(*values, str(bucket)): 1, self.series(*values, SUM): round(seconds * 1000)}


STARTED = CounterMetric(
    "countersign_transactions_started", "Transactions that portals started, by method.", ("method",)
)
ENDED = CounterMetric(
    "countersign_transactions_ended", "Transactions that ended, by method and outcome.", ("method", "outcome")
)
PUSH_ATTEMPTS = CounterMetric(
    "countersign_push_attempts", "Pushes handed to a push service, by provider and outcome.", ("provider", "outcome")
)
ATTEMPTS = CounterMetric(
    "countersign_delivery_attempts", "Attempts to deliver, by queue and outcome.", ("queue", "outcome")
)
LATENCY = HistogramMetric(
    "countersign_delivery_latency_seconds",
    "Time from when an attempt was due until its outcome was written down.",
    ("queue",),
    (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
REQUESTS = HistogramMetric(
    "countersign_http_request_seconds",
    "Time to answer a request, by method, endpoint and class of status.",
    ("method", "endpoint", "status"),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
COUNTERS = (STARTED, ENDED, PUSH_ATTEMPTS, ATTEMPTS)
HISTOGRAMS = (LATENCY, REQUESTS)


def increment(counter: CounterMetric, values: Iterable[Sequence[str]]) -> None:
    """Count once for each combination of labels, when the database transaction is committed."""
    transaction.on_commit(partial(_buffer.add, Counter(counter.series(*labels) for labels in values)))


def observe_request(seconds: float, *labels: str) -> None:
    """Note an answered request."""
    _buffer.add(REQUESTS.observation(seconds, *labels))


def record_attempts(queue: str, verdicts: Iterable[AttemptResult], held: Collection[UUID]) -> None:
    """Note what attempts of a queue came to, of those rows whose claim still held, once that is committed."""
    now, found = timezone.now(), Counter[str]()
    for verdict in verdicts:
        if verdict.row.pk in held:
            # A claimed row tells when it was due before the claim.
            seconds = max((now - verdict.row.due_at).total_seconds(), 0)
            found.update({ATTEMPTS.series(queue, str(verdict.outcome)): 1})
            found.update(LATENCY.observation(seconds, queue))
    transaction.on_commit(partial(_buffer.add, found))


def flush() -> None:
    """Add what this process has measured to the table; a database error keeps it for later."""
    _buffer.flush()


@dataclass(frozen=True)
class CounterSample:
    labels: tuple[str, ...]
    value: int


@dataclass(frozen=True)
class HistogramSample:
    """`buckets` are cumulated, the last one without an upper end."""

    labels: tuple[str, ...]
    buckets: list[tuple[float, int]]
    seconds: float


class MetricsSnapshot:
    """All series of the table, read in one query."""

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
