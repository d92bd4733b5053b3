"""Compose the secure message with the request context: at initiation, in the worker, or when the device fetches it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction as database
from django.utils import timezone, translation

from apps.common.encryption import CannotDecrypt
from apps.events import services as events
from apps.events.facts import ContextFacts, ReasonFact
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.geocontext import services as geocontext
from apps.geocontext.services import Composed, Origin
from apps.outbox import models as outbox
from apps.transactions.models import ContextLookup, Transaction
from apps.transactions.request.parameters import AuthenticationRequest


@dataclass(frozen=True)
class Context:
    """Secure message of a new transaction. With an `origin`, it needs a lookup by the geolocation service first."""

    secure_message: str
    composed: Composed | None = None
    origin: Origin | None = None

    @property
    def fields(self) -> Mapping[str, Any]:
        return {"secure_message": self.secure_message, "awaits_context": self.origin is not None}

    def events(self, transaction: Transaction) -> list[Event]:
        return [_event(transaction, self.composed)] if self.composed else []


def from_request(request: AuthenticationRequest, message: str) -> Context:
    """Return the context of a request without calling a service. `message` replaces a missing secure message."""
    if not geocontext.is_enabled():
        return Context(request.secure_message)
    origin = Origin(request.ip_address, request.user_agent, request.language)
    # The reasons of events are in English, whatever the language of the request.
    with translation.override("en"):
        composed = geocontext.compose(request.secure_message or message, origin)
    if composed is None:
        return Context(request.secure_message, origin=origin)
    return Context(composed.text, composed)


def build_lookup(transaction: Transaction, origin: Origin) -> ContextLookup:
    """Return an unsaved context lookup for the worker. It must be stored together with its transaction."""
    return ContextLookup(transaction=transaction, origin=json.dumps(asdict(origin)))


def ensure_complete(transaction: Transaction) -> None:
    """Complete the secure message of a transaction that is fetched before its lookup. Takes at most 2 seconds."""
    lookup = ContextLookup.objects.filter(transaction=transaction, state=outbox.State.DUE).first()
    if lookup:
        composed = _look_up(lookup, transaction)
        with database.atomic():
            # The worker can complete the lookup concurrently: only the first update records the event.
            due = ContextLookup.objects.filter(pk=lookup.pk, state=outbox.State.DUE)
            if due.update(state=outbox.State.DONE, ended_at=timezone.now(), claim=None, leased_until=None, origin=""):
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
    """Return the origin and the message of a lookup, or a failed result if they cannot be decrypted."""
    try:
        return Origin(**json.loads(lookup.origin)), base_message(transaction)
    except CannotDecrypt as error:
        return Composed("", EventTypes.GEOLOCATION_CHECK_FAILED, str(error))


def base_message(transaction: Transaction) -> str:
    return str(transaction.secure_message) or transaction.message


def store_message(transaction: Transaction, composed: Composed) -> Event:
    """Store the composed message, inside the caller's database transaction. Return the event to record.

    A failed check does not change the stored message, which may be undecryptable.
    """
    transaction.awaits_context = False
    changed = ["awaits_context"]
    if composed.event_type != EventTypes.GEOLOCATION_CHECK_FAILED:
        transaction.secure_message = composed.text
        changed.append("secure_message")
    transaction.save(update_fields=changed)
    return _event(transaction, composed)


def _event(transaction: Transaction, composed: Composed) -> Event:
    reason = ReasonFact(reason=composed.reason) if composed.reason else ReasonFact()
    return events.build(composed.event_type, ContextFacts(**transaction.facts, **reason))
