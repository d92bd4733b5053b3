"""Operations of support staff on transactions. Members are named as in the portal API; messages are omitted."""

from collections.abc import Callable, Mapping
from typing import Any, Unpack
from uuid import UUID

from django.utils import timezone

from apps.applications.models import Api, ApiClient
from apps.callbacks.models import CallbackDelivery
from apps.common import errors
from apps.events.facts import StaffActor
from apps.outbox import models as outbox
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.base import StartedTransaction
from apps.transactions.models import Reason, Status, Transaction
from apps.transactions.portal import services
from apps.transactions.request.parameters import ApiVersion
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


def start(parameters: Mapping[str, str], client: ApiClient, *, who: str) -> StartedTransaction:
    """Start an authentication as E3 does for this client, with all limits. `who` is stored in the events.

    The IP allow list of the client does not apply: the request comes from staff. Raises FeatureDisabled,
    UnauthorizedClient if the client does not have the API, and the errors of E3.
    """
    if not system.features().mobile_authentication:
        raise errors.FeatureDisabled
    if Api.MOBILE_AUTHENTICATION not in client.apis:
        raise errors.UnauthorizedClient
    return services.initiate(parameters, client, ApiVersion.V4, _store_only, who=who)


def _store_only(store: Callable[[], StartedTransaction]) -> StartedTransaction:
    return store()


def verify_code(transaction: Transaction, code: str) -> None:
    """Verify the code of an SMS or of the device, as E5 does. Raises its errors."""
    client, user_id = transaction.client, transaction.user_id
    verify = services.verify_code_of_phone if transaction.code_to_phone else services.verify_code
    verify(transaction.pk, client, user_id, code)


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
