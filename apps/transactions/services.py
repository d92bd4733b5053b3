"""What the web side does with transactions: start, read, show to the device, answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import DatabaseError
from django.db import transaction as database
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import codes, outbox
from apps.common.exceptions import (
    ApiError,
    InvalidMessage,
    InvalidTransaction,
    MessageTooLong,
    PushNotStored,
    TransactionNotFound,
)
from apps.common.urls import lane
from apps.enrollment import keys
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.transactions import lifecycle, parameters, resolution, tasks
from apps.transactions.models import PushDelivery, Reason, Status, Transaction


def initiate(raw: Mapping[str, str], client: ApiClient) -> Transaction:
    """Start an authentication: the transaction and its push are stored together, and sent after commit.

    Raises what E3 answers: TypeNotFound, InvalidParameter, MessageTooLong, NoAuthenticationPossibility, PushNotStored.
    """
    try:
        request = parameters.check(raw)
    except MessageTooLong:
        _record_failure(EventType.PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG, raw, client)
        raise
    except ApiError as error:
        _record_failure(EventType.MOBILE_AUTH_INIT_FAILURE_INVALID_REQ, raw, client, reason=str(error.text))
        raise
    profile = resolution.push_profile(user_id=request.user_id, device_id=request.device_id, client_id=client.client_id)
    try:
        return _store(request, profile, client)
    except DatabaseError as error:
        raise PushNotStored from error


def _record_failure(event_type: EventType, raw: Mapping[str, str], client: ApiClient, **details: Any) -> None:
    user_id = raw.get("user_id", "").replace("\0", "")
    events.record(event_type, user_id=user_id, client_id=client.client_id, **details)


def _store(request: parameters.Request, profile: Profile, client: ApiClient) -> Transaction:
    now, mobile_type = timezone.now(), request.mobile_type
    application = profile.device.version.application
    configuration = profile.device.version.push_messaging_configuration
    with database.atomic():
        transaction = Transaction.objects.create(
            client=client,
            type_name=mobile_type.name,
            method=mobile_type.method,
            user_id=request.user_id,
            profile=profile,
            device_id=profile.device.device_id,
            app_name=application.name,
            callback_uri=request.callback_uri,
            message=request.message,
            secure_message=request.secure_message,
            token=codes.random_token(),
            created_at=now,
            expires_at=now + timedelta(seconds=mobile_type.time_to_live),
        )
        PushDelivery.objects.create(
            transaction=transaction, lane=lane(configuration.message_url) if configuration else ""
        )
        events.record(
            EventType.PUSH_AUTH_INITIALIZED,
            user_id=request.user_id,
            client_id=client.client_id,
            app_name=application.name,
            transaction_id=transaction.pk,
            type=mobile_type.name,
            method=mobile_type.method,
        )
        outbox.nudge(PushDelivery, tasks.deliver.delay)
    return transaction


def result(transaction_id: UUID | None, client: ApiClient) -> Transaction:
    """Return a transaction to the client that started it; to any other it does not exist."""
    transaction = Transaction.objects.filter(pk=transaction_id, client=client).first() if transaction_id else None
    if transaction is None:
        events.record(EventType.PUSH_AUTH_TRANSACTION_NOT_RETRIEVED, client_id=client.client_id)
        raise TransactionNotFound
    events.record(
        EventType.PUSH_AUTH_TRANSACTION_RETRIEVED,
        user_id=transaction.user_id,
        client_id=client.client_id,
        app_name=transaction.app_name,
        transaction_id=transaction.pk,
        status=transaction.current_status(timezone.now()),
    )
    return transaction


def pending(device_id: int) -> list[Transaction]:
    """Return the open transactions of all profiles of a device, oldest first."""
    return list(
        Transaction.objects.select_related("profile")
        .filter(profile__device=device_id, status=Status.PENDING, expires_at__gt=timezone.now())
        .order_by("created_at")[:100]
    )


def challenge(transaction_id: UUID | None, profile: Profile) -> str:
    """Return the sealed challenge; the same profile may fetch it again while the transaction is pending."""
    enrollment.require_enabled(profile.device.version)
    transaction = _of_profile(transaction_id, profile)
    if transaction is None or transaction.current_status(timezone.now()) != Status.PENDING:
        _record_fetch_failure(transaction, profile)
        raise InvalidTransaction
    events.record(EventType.MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED, **_subject(transaction))
    return keys.seal(
        profile,
        {
            "transaction_id": str(transaction.pk),
            "message": transaction.secure_message or transaction.message,
            "timestamp": milliseconds(transaction.created_at),
            "time_to_live": transaction.time_to_live_seconds,
            "token": transaction.token,
            "type": {"name": transaction.type_name, "method": transaction.method, "transaction_signing": False},
        },
    )


def _of_profile(transaction_id: UUID | None, profile: Profile) -> Transaction | None:
    if transaction_id is None:
        return None
    return Transaction.objects.select_related("client").filter(pk=transaction_id, profile=profile).first()


def _record_fetch_failure(transaction: Transaction | None, profile: Profile) -> None:
    expired = transaction is not None and transaction.current_status(timezone.now()) == Status.EXPIRED
    events.record(
        EventType.MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED
        if expired
        else EventType.MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION,
        user_id=profile.user_id,
        transaction_id=transaction.pk if transaction else None,
    )


def _subject(transaction: Transaction) -> dict[str, Any]:
    return {
        "user_id": transaction.user_id,
        "app_name": transaction.app_name,
        "transaction_id": transaction.pk,
    }


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def answer(transaction_id: UUID | None, device_id: int, message: str) -> Status:
    """Judge a sealed answer of this device and end the transaction with it.

    A byte-identical repeat of the answer that was judged gets the same status and changes nothing. InvalidMessage costs
    nothing: the transaction stays pending.
    """
    transaction = _of_device(transaction_id, device_id)
    if transaction is None or transaction.profile is None:
        raise InvalidTransaction
    enrollment.require_enabled(transaction.profile.device.version)
    digest = sha256(message.encode(errors="surrogatepass")).hexdigest()
    if transaction.answer_digest == digest:
        return Status(transaction.status)
    if transaction.current_status(timezone.now()) != Status.PENDING:
        raise InvalidTransaction
    accepted = _accepted(transaction, transaction.profile, message)
    status = Status.AUTHENTICATED if accepted else Status.NOT_AUTHENTICATED
    closed = lifecycle.close(
        transaction,
        status,
        EventType.MOBILE_AUTH_AUTHENTICATED if accepted else EventType.MOBILE_AUTH_NOT_AUTHENTICATED,
        reason=None if accepted else Reason.NOT_ACCEPTED,
        answer_digest=digest,
    )
    return status if closed else _answered_meanwhile(transaction, digest)


def _of_device(transaction_id: UUID | None, device_id: int) -> Transaction | None:
    if transaction_id is None:
        return None
    related = Transaction.objects.select_related("client", "profile__device__version", "profile__server_key")
    return related.filter(pk=transaction_id, profile__device=device_id).first()


def _accepted(transaction: Transaction, profile: Profile, message: str) -> bool:
    """Open an answer and say whether the user agrees; InvalidMessage (with its event) when it is not a right answer."""
    try:
        content = keys.open_sealed(profile, message)
        given = content.get("token")
        if content.get("transaction_id") != str(transaction.pk) or not isinstance(content.get("authenticated"), bool):
            raise InvalidMessage
    except InvalidMessage:
        events.record(EventType.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, **_subject(transaction))
        raise
    if not isinstance(given, str) or not codes.same(given, transaction.token):
        events.record(EventType.MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN, **_subject(transaction))
        raise InvalidMessage
    return bool(content["authenticated"])


def _answered_meanwhile(transaction: Transaction, digest: str) -> Status:
    """Another answer, or the end of its life, was quicker. The same bytes sent twice at once are still one answer."""
    transaction.refresh_from_db(fields=["status", "answer_digest"])
    if transaction.answer_digest != digest:
        raise InvalidTransaction
    return Status(transaction.status)
