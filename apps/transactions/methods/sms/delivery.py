"""Deliver a claimed SMS. An SMS that may have been sent is never retried automatically."""

from contextlib import nullcontext
from datetime import datetime

from django.db import close_old_connections
from django.db import transaction as database
from django.utils import timezone

from apps.common.statements import Select
from apps.events import metrics
from apps.events import services as events
from apps.events.facts import DeliveryFacts
from apps.events.models import Event
from apps.events.types import EventTypes
from apps.outbox import claims
from apps.outbox.claims import AttemptResult
from apps.outbox.models import State
from apps.outbox.retries import next_attempt_at
from apps.sms import messages as sms_messages
from apps.sms import services as sms
from apps.sms.gateways.base import SmsMessage, SmsOutcome, SmsResult
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.models import SmsDelivery, Transaction

NOT_NEEDED = "not_needed"
MAX_SENDER_CHARACTERS = 20
WITH_CLIENT = Select(
    lambda transaction_id: Transaction.objects.select_related("client").filter(pk=transaction_id).order_by()
)

EVENTS = {
    SmsOutcome.ACCEPTED: EventTypes.SMS_AUTH_INIT_MESSAGE_SENT,
    SmsOutcome.UNKNOWN: EventTypes.SMS_AUTH_INIT_OUTCOME_UNKNOWN,
}


def deliver(row: SmsDelivery) -> None:
    """Send the verification code of a pending transaction and record the gateway's result."""
    [transaction] = WITH_CLIENT.all(transaction_id=row.transaction_id)
    if not transaction.is_pending(timezone.now()):
        _skip(row)
        return
    if row.attempts_made > 1 and row.attempts.filter(outcome="", number__lt=row.attempts_made).exists():
        # The worker stopped between the request and its record: the SMS may have been sent.
        record(row, transaction, SmsResult(SmsOutcome.UNKNOWN, "the worker stopped during the call"))
        return
    remaining = int((transaction.expires_at - timezone.now()).total_seconds())
    message = SmsMessage(
        phone_number=transaction.phone_number,
        text=sms_messages.compose(transaction.message, transaction.code),
        code=transaction.code,
        ttl_seconds=max(remaining, 1),
    )
    senders = [transaction.sms_sender_id, system.general().sms_sender_id]
    close_old_connections()
    record(row, transaction, sms.send(message, senders))


def _skip(row: SmsDelivery) -> None:
    claims.record_results([AttemptResult(row, State.DONE, NOT_NEEDED)])


def record(row: SmsDelivery, transaction: Transaction, result: SmsResult) -> None:
    """Record the outcome and apply its effects in one database transaction."""
    attempt_result = _attempt_result(row, transaction, result)
    # A result without further effects is one statement, which needs no explicit database transaction.
    with database.atomic() if attempt_result.state == State.FAILED else nullcontext():
        recorded_ids = events.record_results([attempt_result])
        metrics.record_attempts("sms", [attempt_result], recorded_ids)
        if recorded_ids and attempt_result.state == State.FAILED and not _has_earlier_sms(row):
            lifecycle.end_failed_to_send(transaction)


def _attempt_result(row: SmsDelivery, transaction: Transaction, result: SmsResult) -> AttemptResult:
    due_at = None
    if result.outcome == SmsOutcome.RETRY:
        due_at = next_attempt_at(row.attempts_made, result.retry_after_seconds, before=transaction.expires_at)
    done = result.outcome in (SmsOutcome.ACCEPTED, SmsOutcome.UNKNOWN)
    state = State.DONE if done else State.DUE if due_at else State.FAILED
    sender = {"sender": result.sender[:MAX_SENDER_CHARACTERS]}
    event = _event(row, transaction, result, due_at)
    return AttemptResult(row, state, result.outcome.value, result.reason, result.status, due_at, sender, event)


def _event(row: SmsDelivery, transaction: Transaction, result: SmsResult, due_at: datetime | None) -> Event:
    return events.build(
        EVENTS.get(result.outcome, EventTypes.SMS_AUTH_INIT_FAILURE_GATEWAY),
        DeliveryFacts(
            user_id=transaction.user_id,
            client_id=transaction.client.client_id,
            transaction_id=transaction.pk,
            attempt=row.attempts_made,
            http_status=result.status,
            reason=result.reason,
            next_attempt_at=due_at.isoformat() if due_at else None,
        ),
    )


def _has_earlier_sms(row: SmsDelivery) -> bool:
    """Return True if an earlier SMS of the transaction may have arrived. A failed resend then does not end it."""
    earlier = SmsDelivery.objects.filter(transaction=row.transaction_id, state=State.DONE)
    return earlier.exclude(pk=row.pk).exists()
