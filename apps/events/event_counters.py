"""How many events of each type there were: what a monitoring system asks for."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from django.db import transaction

from apps.events.counter_buffer import CounterBuffer
from apps.events.models import Event, EventCount
from apps.events.types import EventType

_buffer = CounterBuffer("events_eventcount", "event_type")


def increment(events: Iterable[Event]) -> None:
    """Count events once they are committed; what is rolled back did not happen."""
    transaction.on_commit(partial(_buffer.add, Counter(str(event.event_type) for event in events)))


def flush() -> None:
    """Add what this process has counted to the table, in one statement; a database error keeps it for later."""
    _buffer.flush()


def totals() -> dict[str, int]:
    """Return how many events of each type there were, also of those that never happened."""
    stored: dict[str, int] = dict(EventCount.objects.values_list("event_type", "total"))
    return {event_type.value: 0 for event_type in EventType} | stored
