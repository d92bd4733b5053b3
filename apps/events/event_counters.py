"""Counters of events by type, for the metrics."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from django.db import transaction

from apps.events.counter_buffer import CounterBuffer
from apps.events.models import Event, EventCount
from apps.events.types import EVENT_TYPES

_buffer = CounterBuffer("events_eventcount", "event_type")


def increment(events: Iterable[Event]) -> None:
    """Count events after the commit. Events that are rolled back are not counted."""
    transaction.on_commit(partial(_buffer.add, Counter(str(event.event_type) for event in events)))


def flush() -> None:
    """Add the counts of this process to the table in one statement. A database error keeps them for the next flush."""
    _buffer.flush()


def totals() -> dict[str, int]:
    """Return the number of events of each type, including 0 for types without events."""
    stored: dict[str, int] = dict(EventCount.objects.values_list("event_type", "total"))
    return {str(event_type): 0 for event_type in EVENT_TYPES} | stored
