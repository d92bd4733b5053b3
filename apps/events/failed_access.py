"""Events of failed access: callers without valid credentials cause them, as often as they like.

One event counts the failures of one kind from one network within ten minutes, so that failures cannot fill the disk.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F

from apps.common import caller
from apps.events import services
from apps.events.models import Event
from apps.events.types import EventType

TYPES = (
    EventType.API_AUTHENTICATION_FAILED,
    EventType.KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED,
    EventType.KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE,
    EventType.KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY,
    EventType.KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED,
    EventType.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP,
    EventType.ADMIN_SIGN_IN_FAILED,
    EventType.ADMIN_SIGN_IN_LOCKED,
    EventType.ADMIN_SECOND_FACTOR_FAILED,
)
WINDOW = timedelta(minutes=10)
# Events of one type in one window. Failures from further networks are counted together.
MAX_EVENTS = 200
NAMESPACE = UUID("6f0d7f0e-2f0b-5a8e-9d0e-6f2f3c1b7a55")


def record(event_type: EventType, *, unverified: Mapping[str, Any] | None = None, **facts: Any) -> None:
    """Count a failed access.

    `facts` (as for `services.build`) tell events apart, so their number must be limited: what the server knows.
    `unverified` facts are texts of the caller. The event keeps those of its first failure.
    """
    if event_type not in TYPES:
        raise ValueError(f"{event_type} is not in failed_access.TYPES, so purge would not delete it")
    event = services.build(event_type, **facts, **(unverified or {}))
    window = _window(event.occurred)
    with transaction.atomic(savepoint=False):
        event.event_identifier = _identifier(window, event_type, facts, caller.client_network(caller.current().ip))
        if not _count(event):
            _begin(event, window, facts)
    services.count_and_log([event])


def _window(moment: datetime) -> datetime:
    return moment - (moment - services.EPOCH) % WINDOW


def _identifier(window: datetime, event_type: EventType, facts: Mapping[str, Any], network: str | None) -> UUID:
    """Return the identifier of the event that counts these failures: the same in every process."""
    return uuid5(NAMESPACE, json.dumps([window.isoformat(), event_type, network, facts], sort_keys=True, default=str))


def _count(event: Event) -> bool:
    """Count one failure more; False if the event does not exist yet."""
    stored = Event.objects.filter(event_identifier=event.event_identifier)
    return bool(stored.update(count=F("count") + 1, last_occurred=event.occurred))


def _begin(event: Event, window: datetime, facts: Mapping[str, Any]) -> None:
    """Write the event, unless another process does, and count the failure in it."""
    if _is_full(event, window):
        event.event_identifier = _identifier(window, EventType(event.event_type), facts, None)
        event.client_ip, event.user_agent, event.details = None, "", {**event.details, "other_addresses": True}
    event.count = 0
    Event.objects.bulk_create([event], ignore_conflicts=True)
    _count(event)


def _is_full(event: Event, window: datetime) -> bool:
    begun = Event.objects.filter(event_type=event.event_type, occurred__gte=window)
    return begun.order_by("-occurred", "-id")[:MAX_EVENTS].count() >= MAX_EVENTS
