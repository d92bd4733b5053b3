"""Recording and search of audit events."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import QuerySet

from apps.common import caller, statements
from apps.events import event_counters
from apps.events.models import Event
from apps.events.types import EventType, Facts
from apps.outbox import claims
from apps.outbox.claims import AttemptResult

log = structlog.get_logger(__name__)

# Facts that are columns of an event; the others are its details.
COLUMNS = {"user_id", "client_id", "app_name", "transaction_id"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build(event_type: EventType[Facts], facts: Facts) -> Event:
    """Return an unsaved event. Raises TypeError if the facts are not those that the event type declares."""
    event_type.require(facts)
    return Event(
        event_type=str(event_type),
        user_id=facts.get("user_id", "")[:255],
        client_id=facts.get("client_id", "")[:100],
        app_name=facts.get("app_name", "")[:100],
        transaction_id=facts.get("transaction_id"),
        client_ip=caller.current().ip or None,
        user_agent=caller.current().user_agent,
        details={name: value for name, value in facts.items() if name not in COLUMNS},
    )


def record(event_type: EventType[Facts], facts: Facts) -> Event:
    """Append an event in the current database transaction. Raises TypeError as `build`."""
    event = build(event_type, facts)
    statements.insert(event)
    count_and_log([event])
    return event


def record_all(events: Sequence[Event]) -> None:
    """Append many events in one statement."""
    Event.objects.bulk_create(events)
    count_and_log(events)


def record_results(results: Sequence[AttemptResult]) -> set[UUID]:
    """Record the results of delivery attempts with their events. Return the ids of the recorded rows."""
    recorded = claims.record_results(results)
    count_and_log([result.event for result in results if result.row.pk in recorded and isinstance(result.event, Event)])
    return recorded


def count_and_log(events: Sequence[Event]) -> None:
    """Count events for the metrics, and log them."""
    event_counters.increment(events)
    for event in events:
        log.info(
            "event",
            type=str(event.event_type),
            event_id=str(event.event_identifier),
            transaction_id=str(event.transaction_id or ""),
        )


@dataclass(frozen=True)
class Filter:
    """Criteria of a search. Both dates are inclusive, in milliseconds since the epoch."""

    user_id: str = ""
    client_id: str = ""
    event_type: list[str] = field(default_factory=list)
    exclude_event_type: list[str] = field(default_factory=list)
    transaction_id: UUID | None = None
    start_date: int | None = None
    end_date: int | None = None


def search(criteria: Filter) -> QuerySet[Event]:
    """Return the events that match the criteria, newest first."""
    conditions: dict[str, Any] = {
        "user_id": criteria.user_id,
        "client_id": criteria.client_id,
        "event_type__in": criteria.event_type,
        "transaction_id": criteria.transaction_id,
        "occurred__gte": _rounding_bound(criteria.start_date, -0.5),
        "occurred__lt": _rounding_bound(criteria.end_date, 0.5),
    }
    events = Event.objects.filter(**{name: value for name, value in conditions.items() if value})
    return events.exclude(event_type__in=criteria.exclude_event_type) if criteria.exclude_event_type else events


def _rounding_bound(milliseconds: int | None, offset: float) -> datetime | None:
    """Return the bound of the times that are rounded to these milliseconds: the API returns rounded times."""
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds + offset)
