"""Audit events of failed access, which callers without valid credentials can cause without limit.

One event counts the failures of one type from one network within ten minutes, so that failures cannot fill the disk.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F

from apps.common import caller
from apps.events import services
from apps.events.models import Event
from apps.events.types import EventType, EventTypes, Facts

TYPES: tuple[str, ...] = (
    EventTypes.API_AUTHENTICATION_FAILED,
    EventTypes.CIBA_REQUEST_REJECTED,
    EventTypes.CIBA_TOKEN_REQUEST_REJECTED,
    EventTypes.KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED,
    EventTypes.KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE,
    EventTypes.KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY,
    EventTypes.KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED,
    EventTypes.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP,
    EventTypes.ADMIN_SIGN_IN_FAILED,
    EventTypes.ADMIN_SIGN_IN_LOCKED,
    EventTypes.ADMIN_SECOND_FACTOR_FAILED,
)
WINDOW = timedelta(minutes=10)
# Maximum number of events of one type in one window. Failures from further networks are counted in one event.
MAX_EVENTS = 200
NAMESPACE = UUID("6f0d7f0e-2f0b-5a8e-9d0e-6f2f3c1b7a55")


def record(event_type: EventType[Facts], facts: Facts, *, unverified: Collection[str] = ()) -> None:
    """Count a failed access.

    Failures with the same facts share an event, so each fact must have a limited number of values. `unverified` names
    the facts that the caller chooses freely: they do not distinguish events, which keep those of the first failure.
    """
    if event_type not in TYPES:
        raise ValueError(f"{event_type} is not in failed_access.TYPES, so purge would not delete it")
    event = services.build(event_type, facts)
    window = _window(event.occurred)
    verified = {name: value for name, value in facts.items() if name not in unverified}
    with transaction.atomic(savepoint=False):
        event.event_identifier = _identifier(window, event_type, verified, caller.client_network(caller.current().ip))
        if not _increment(event):
            _create(event, window, verified)
    services.count_and_log([event])


def _window(occurred: datetime) -> datetime:
    """Return the start of the window of a time."""
    return occurred - (occurred - services.EPOCH) % WINDOW


def _identifier(window: datetime, event_type: str, facts: Mapping[str, Any], network: str | None) -> UUID:
    """Return the identifier of the event that counts these failures. All processes compute the same one."""
    return uuid5(NAMESPACE, json.dumps([window.isoformat(), event_type, network, facts], sort_keys=True, default=str))


def _increment(event: Event) -> bool:
    """Count one more failure. Return False if the event does not exist."""
    stored = Event.objects.filter(event_identifier=event.event_identifier)
    return bool(stored.update(count=F("count") + 1, last_occurred=event.occurred))


def _create(event: Event, window: datetime, facts: Mapping[str, Any]) -> None:
    """Insert the event, unless another process has inserted it, and count the failure."""
    if _is_full(event, window):
        event.event_identifier = _identifier(window, event.event_type, facts, None)
        event.client_ip, event.user_agent, event.details = None, "", {**event.details, "other_addresses": True}
    event.count = 0
    Event.objects.bulk_create([event], ignore_conflicts=True)
    _increment(event)


def _is_full(event: Event, window: datetime) -> bool:
    """Return True if the window has the maximum number of events of this type."""
    existing = Event.objects.filter(event_type=event.event_type, occurred__gte=window)
    return existing.order_by("-occurred", "-id")[:MAX_EVENTS].count() >= MAX_EVENTS
