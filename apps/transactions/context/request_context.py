"""What the user is told about where a request came from: put together at once, by the worker, or by the fetch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction as database
from django.utils import timezone, translation

from apps.common.encryption import CannotDecrypt
from apps.events import services as events
from apps.events.models import Event
from apps.events.types import EventType
from apps.geocontext import services as geocontext
from apps.geocontext.services import Composed, Origin
from apps.outbox import models as outbox
from apps.outbox import wakeup
from apps.transactions import tasks
from apps.transactions.models import ContextLookup, Transaction
from apps.transactions.request.parameters import AuthenticationRequest


@dataclass(frozen=True)
class Context:
    """The secure message of a new transaction; with an `origin`, the geolocation service has to be asked first."""

    secure_message: str
    composed: Composed | None = None
    origin: Origin | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        return {"secure_message": self.secure_message, "awaits_context": self.origin is not None}

    def events(self, transaction: Transaction) -> list[Event]:
        return [_event(transaction, self.composed)] if self.composed else []


def from_request(request: AuthenticationRequest, message: str) -> Context:
    """Return what a request's secure message is, without asking anybody; `message` stands in for a missing one."""
    if not geocontext.is_enabled():
        return Context(request.secure_message)
    origin = Origin(request.ip_address, request.user_agent, request.language)
    # What goes into an event is in one language, whoever asked.
    with translation.override("en"):
        composed = geocontext.compose(request.secure_message or message, origin)
    if composed is None:
        return Context(request.secure_message, origin=origin)
    return Context(composed.text, composed)


def enqueue(transaction: Transaction, origin: Origin) -> None:
    """Have the worker ask where a request came from, inside the caller's database transaction."""
    ContextLookup.objects.create(transaction=transaction, origin=json.dumps(asdict(origin)))
    wakeup.notify_workers(ContextLookup, tasks.look_up_contexts.delay)


def ensure_complete(transaction: Transaction) -> None:
    """Have the secure message ready for a fetch that came before the worker; asks for at most 2 s."""
    lookup = ContextLookup.objects.filter(transaction=transaction, state=outbox.State.DUE).first()
    if lookup:
        composed = _look_up(lookup, transaction)
        with database.atomic():
            # The worker may be about to write the same: whoever comes first has the event.
            due = ContextLookup.objects.filter(pk=lookup.pk, state=outbox.State.DUE)
            if due.update(state=outbox.State.DONE, ended_at=timezone.now(), claim=None, origin=""):
                events.record_all([store_message(transaction, composed)])
    transaction.refresh_from_db(fields=["secure_message", "awaits_context"])


def _look_up(lookup: ContextLookup, transaction: Transaction) -> Composed:
    stored = load_origin(lookup, transaction)
    if isinstance(stored, Composed):
        return stored
    origin, message = stored
    with translation.override("en"):
        [[(_item, location)]] = geocontext.look_up([(lookup, origin.ip_address)])
    return geocontext.compose_with(message, origin, location)


def load_origin(lookup: ContextLookup, transaction: Transaction) -> tuple[Origin, str] | Composed:
    """Return where the request came from, and its message; what the check comes to when no live key opens them."""
    try:
        return Origin(**json.loads(lookup.origin)), base_message(transaction)
    except CannotDecrypt as error:
        return Composed("", EventType.GEOLOCATION_CHECK_FAILED, str(error))


def base_message(transaction: Transaction) -> str:
    return str(transaction.secure_message) or transaction.message


def store_message(transaction: Transaction, composed: Composed) -> Event:
    """Keep the finished message, inside the caller's database transaction; returns the event to be recorded.

    After a failed check the message stays as it is stored: perhaps it could not even be read.
    """
    transaction.awaits_context = False
    changed = ["awaits_context"]
    if composed.event_type != EventType.GEOLOCATION_CHECK_FAILED:
        transaction.secure_message = composed.text
        changed.append("secure_message")
    transaction.save(update_fields=changed)
    return _event(transaction, composed)


def _event(transaction: Transaction, composed: Composed) -> Event:
    details: dict[str, Any] = {"reason": composed.reason} if composed.reason else {}
    return events.build(EventType(composed.event_type), **transaction.event_fields, **details)
