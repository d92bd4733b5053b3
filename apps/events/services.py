"""Writing events."""

from typing import Any
from uuid import UUID

import structlog

from apps.common import caller
from apps.events.models import Event
from apps.events.types import EventType

log = structlog.get_logger(__name__)


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
