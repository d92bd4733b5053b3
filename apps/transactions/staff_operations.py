"""Operations of support staff on transactions. Members are named as in the portal API; messages are omitted."""

from typing import Any, Unpack
from uuid import UUID

from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.common import errors
from apps.events.facts import StaffActor
from apps.outbox import models as outbox
from apps.transactions import lifecycle
from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.portal import services
from apps.transactions.types import Method


def describe(transaction_id: UUID) -> dict[str, Any]:
    """Return a transaction with its deliveries. Raises TransactionNotFound if the id is unknown."""
    transaction = Transaction.objects.select_related("client").filter(pk=transaction_id).first()
    if transaction is None:
        raise errors.TransactionNotFound
    callbacks = CallbackDelivery.objects.filter(transaction_id=transaction.pk)
    return {
        **summarize(transaction),
        "client_id": transaction.client.client_id,
        "device_id": transaction.device_id,
        "app_name": transaction.app_name,
        "callback_uri": transaction.callback_uri,
        "is_authenticated": transaction.status == Status.AUTHENTICATED,
        "not_authenticated_reason": _reason(transaction),
        "expires_at": transaction.expires_at,
        "ended_at": transaction.ended_at,
        "attempts_used": transaction.attempts_used,
        **_verification_facts(transaction),
        "resends_used": transaction.resends_used,
        "text_messages": [_delivery(sms) for sms in transaction.sms_deliveries.order_by("created_at")],
        "pushes": [_delivery(push) for push in transaction.push_deliveries.order_by("created_at")],
        "callbacks": [_delivery(callback) for callback in callbacks.order_by("created_at")],
    }


def _verification_facts(transaction: Transaction) -> dict[str, Any]:
    """Return the members of E4 about the verification of an answer, and the attempts of a code to phone."""
    facts: dict[str, Any] = {}
    if transaction.method == Method.PUSH_WITH_PIN:
        facts["used_authentication_attempts"] = transaction.attempts_used
    if transaction.code_to_phone:
        facts |= {"code_to_phone": True, "code_attempts_used": transaction.code_attempts_used}
    if transaction.signature_verified is not None:
        facts["signature_verified"] = transaction.signature_verified
    return facts


def cancel(transaction_id: UUID, **actor: Unpack[StaffActor]) -> None:
    """Cancel a pending transaction of any client, without a callback. `actor` is stored in the event.

    Raises TransactionNotFound if no pending transaction has this id.
    """
    transaction = Transaction.objects.select_related("client").filter(pk=transaction_id).first()
    if transaction is None or not lifecycle.cancel(transaction, **actor):
        raise errors.TransactionNotFound


def resend(transaction_id: UUID, *, expected_resends: int, **actor: Unpack[StaffActor]) -> None:
    """Resend the message of a pending transaction, see `services.resend`."""
    transaction = Transaction.objects.select_related("client").filter(pk=transaction_id).first()
    if transaction is None:
        raise errors.TransactionNotFound
    services.resend(transaction, expected_resends=expected_resends, **actor)


def can_resend(transaction: Transaction) -> bool:
    """Return True if the transaction is pending and has resends left. `resend` checks all other conditions."""
    is_pending = transaction.is_pending(timezone.now())
    return is_pending and transaction.method != Method.OTP and transaction.resends_used < transaction.max_resends


def list_newest(*, user_id: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """Return the newest transactions, of one user or of all."""
    rows = Transaction.objects.all() if user_id is None else Transaction.objects.filter(user_id=user_id)
    return [summarize(transaction) for transaction in rows.order_by("-created_at")[:limit]]


def summarize(transaction: Transaction) -> dict[str, Any]:
    return {
        "transaction_id": transaction.pk,
        "timestamp": transaction.created_at,
        "status": transaction.current_status(timezone.now()),
        "type": transaction.type_name,
        "method": transaction.method,
        "user_id": transaction.user_id,
    }


def _reason(transaction: Transaction) -> dict[str, str] | None:
    if not transaction.reason:
        return None
    return {"reason": transaction.reason, "description": str(Reason(transaction.reason).label)}


def _delivery(delivery: outbox.Delivery) -> dict[str, Any]:
    last = outbox.attempt_model(type(delivery))._default_manager.filter(delivery=delivery).last()
    return {
        "state": delivery.state,
        "attempts": delivery.attempts_made,
        "outcome": last.outcome if last else "",
        "reason": last.reason if last else "",
        "next_attempt_at": delivery.next_attempt_at if delivery.state == outbox.State.DUE else None,
    }
