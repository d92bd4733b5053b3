"""Writing events and finding them again."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db.models import QuerySet

from apps.common import caller
from apps.events.models import Event
from apps.events.types import EventType

log = structlog.get_logger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record(
    event_type: EventType,
    *,
    user_id: str = "",
    client_id: str = "",
    app_name: str = "",
    transaction_id: UUID | None = None,
    **details: Any,
) -> Event:
    """Append an event, in the caller's database transaction if there is one. Details are JSON values, never secrets."""
    event = Event.objects.create(
        event_type=event_type,
        user_id=user_id[:255],
        client_id=client_id[:100],
        app_name=app_name[:100],
        transaction_id=transaction_id,
        client_ip=caller.current().ip or None,
        user_agent=caller.current().user_agent,
        details=details,
    )
    log.info(
        "event", type=str(event_type), event_id=str(event.event_identifier), transaction_id=str(transaction_id or "")
    )
    return event


@dataclass(frozen=True)
class Filter:
    """Which events; dates in milliseconds since the epoch, both inclusive."""

    user_id: str = ""
    client_id: str = ""
    event_type: list[str] = field(default_factory=list)
    exclude_event_type: list[str] = field(default_factory=list)
    transaction_id: UUID | None = None
    start_date: int | None = None
    end_date: int | None = None


def search(wanted: Filter) -> QuerySet[Event]:
    """Return the events that fit, newest first."""
    conditions: dict[str, Any] = {
        "user_id": wanted.user_id,
        "client_id": wanted.client_id,
        "event_type__in": wanted.event_type,
        "transaction_id": wanted.transaction_id,
        "occurred__gte": _moment(wanted.start_date, -0.5),
        "occurred__lt": _moment(wanted.end_date, 0.5),
    }
    found = Event.objects.filter(**{name: value for name, value in conditions.items() if value})
    return found.exclude(event_type__in=wanted.exclude_event_type) if wanted.exclude_event_type else found


def _moment(milliseconds: int | None, half: float) -> datetime | None:
    """Return the edge of a millisecond: times are told rounded, and who asks by a told time means that event too."""
    return None if milliseconds is None else EPOCH + timedelta(milliseconds=milliseconds + half)
