"""The only module that writes the status of a transaction.

Every change is a conditional UPDATE: of concurrent changes, only the first updates a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Unpack

from django.db.models import Q
from django.utils import timezone

from apps.callbacks import kinds
from apps.callbacks import services as callbacks
from apps.callbacks.models import CallbackDelivery
from apps.common import statements
from apps.common.statements import Statement, Update
from apps.enrollment.models import Device, Profile
from apps.events import metrics
from apps.events import services as events
from apps.events.facts import EndFacts, ReasonFact, StaffActor
from apps.events.models import Event
from apps.events.types import EventType, EventTypes
from apps.system import services as system
from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.types import Method

EXPIRY_EVENTS: dict[str, EventType[EndFacts]] = {
    Method.OTP: EventTypes.OTP_AUTH_NOT_AUTHENTICATED_EXPIRED,
    Method.SMS: EventTypes.SMS_AUTH_NOT_AUTHENTICATED_EXPIRED,
}


CLOSE_PENDING = Update(lambda transaction_id, now: Transaction.objects.pending(now).filter(pk=transaction_id))
DEVICE_OF_LOGIN = Update(lambda device_id: Device.objects.filter(device_id=device_id))
CLOSE_OVERDUE = Update(lambda transaction_id, now: Transaction.objects.overdue(now).filter(pk=transaction_id))


@dataclass(frozen=True)
class Answer:
    """What an answer stores with the end of its transaction: fields of the transaction, events and other updates."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Event] = ()
    updates: Sequence[Statement] = ()


def close(
    transaction: Transaction,
    status: Status,
    event_type: EventType[EndFacts],
    *,
    reason: Reason | None = None,
    call_back: bool = True,
    answer: Answer | None = None,
    **actor: Unpack[StaffActor],
) -> bool:
    """End a pending transaction, with its event and callback. All of it is stored together.

    `call_back` applies to callbacks of portals; messages of other kinds are sent for every end. Return True if the
    transaction was pending. An overdue transaction can only expire. `actor` are facts of the event.
    """
    now = timezone.now()
    answer = answer or Answer()
    changes = {
        "status": status,
        "reason": reason or "",
        "ended_at": now,
        "code": "",
        "verification_number": "",
        **answer.fields,
    }
    row = CLOSE_OVERDUE if status == Status.EXPIRED else CLOSE_PENDING
    reason_fact = ReasonFact(reason=str(reason)) if reason else ReasonFact()
    recorded = [events.build(event_type, EndFacts(**transaction.facts, **actor, **reason_fact)), *answer.events]
    is_notified = call_back or transaction.callback_kind != kinds.PORTAL
    deliveries = [_callback(transaction)] if is_notified and transaction.callback_uri else []
    closed = row.bind(changes, transaction_id=transaction.pk, now=now)
    if not statements.update_and_insert(closed, [*recorded, *deliveries], *answer.updates):
        return False
    events.count_and_log(recorded)
    metrics.increment(metrics.ENDED, [(transaction.method, str(reason or status))])
    if deliveries:
        callbacks.notify_workers()
    return True


def login_of_device(transaction: Transaction) -> Statement:
    """Return the statement that stores the time of a login on the device of a transaction."""
    return DEVICE_OF_LOGIN.bind({"last_login_at": timezone.now()}, device_id=transaction.device_id)


def _callback(transaction: Transaction) -> CallbackDelivery:
    return callbacks.build(
        transaction.callback_uri,
        kind=transaction.callback_kind,
        transaction_id=transaction.pk,
        user_id=transaction.user_id,
        client_id=transaction.client.client_id,
    )


def cancel(transaction: Transaction, **actor: Unpack[StaffActor]) -> bool:
    """End a pending transaction without a callback. Return True if it was pending."""
    event_type = EventTypes.MOBILE_AUTH_TRANSACTION_CANCELLED
    return close(transaction, Status.CANCELLED, event_type, call_back=False, **actor)


def end_failed_to_send(transaction: Transaction) -> bool:
    """End a pending transaction that cannot reach its user. Return True if it was pending."""
    event_type = EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED
    return close(transaction, Status.NOT_AUTHENTICATED, event_type, reason=Reason.FAILED_TO_SEND)


def expiry_event(method: str) -> EventType[EndFacts]:
    return EXPIRY_EVENTS.get(method, EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_EXPIRED)


def sweep() -> None:
    """End the pending transactions that no device can answer, and the overdue ones."""
    end_unanswerable()
    expire_due()


def end_unanswerable(limit: int = 200) -> int:
    """End pending transactions whose profile was removed or lost its keys. Return their number.

    Their reason is `failed_to_send`, even if the push was accepted: without this, the portal would wait until expiry
    for an answer that cannot come. Several workers can run this concurrently.
    """
    pending = Transaction.objects.select_related("client").pending(timezone.now())
    # The id of the device stays on the transaction when the profile is deleted.
    removed = pending.filter(~Q(device_id=""), profile__isnull=True)
    without_keys = pending.filter(profile__in=Profile.objects.filter(server_key__isnull=True))
    unanswerable = [*removed.order_by("created_at")[:limit], *without_keys.order_by("created_at")[:limit]]
    return sum(map(end_failed_to_send, unanswerable))


def expire_due(limit: int = 200) -> int:
    """Expire overdue transactions. Return their number. Several workers can run this concurrently."""
    now: datetime = timezone.now()
    overdue = Transaction.objects.select_related("client").overdue(now)
    call_back = system.general().callback_on_expiry
    return sum(
        close(transaction, Status.EXPIRED, expiry_event(transaction.method), call_back=call_back)
        for transaction in overdue.order_by("expires_at")[:limit]
    )
