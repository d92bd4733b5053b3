"""What the portal does with transactions: start, read, cancel, send again, verify a code."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db import DatabaseError
from django.db import transaction as database
from django.db.models import F, QuerySet
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import errors
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.base import LimitExceeded, MethodRequest, StartedTransaction
from apps.transactions.methods.push import limits as push_limits
from apps.transactions.methods.push import method as push
from apps.transactions.methods.sms import attempts
from apps.transactions.methods.sms import method as sms
from apps.transactions.models import Transaction
from apps.transactions.portal import resolution
from apps.transactions.request import parameters
from apps.transactions.request.phone_numbers import PhoneNumberRejected
from apps.transactions.types import PUSH_METHODS, Method

RunResult = TypeVar("RunResult")


def initiate(
    raw: Mapping[str, str],
    client: ApiClient,
    version: parameters.ApiVersion,
    run: Callable[[Callable[[], StartedTransaction]], RunResult],
) -> RunResult:
    """Start an authentication: the transaction and what is to be sent are stored together, and sent after commit.

    `run` is called inside the database transaction with a function that stores all of it, and its result is returned.
    What `run` stores itself is committed with it, and an exception that `run` raises rolls everything back.

    Raises what E3 answers: TypeNotFound, InvalidParameter, MessageTooLong, InvalidPhoneNumber,
    NoAuthenticationPossibility, SmsDisabled, PushNotStored, SmsNotStored.
    """
    try:
        request = parameters.validate(raw, version)
    except errors.MessageTooLong:
        _record_failure(EventType.PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG, raw, client)
        raise
    except PhoneNumberRejected as error:
        _record_failure(error.event_type, raw, client)
        raise
    except errors.ApiError as error:
        _record_failure(EventType.MOBILE_AUTH_INIT_FAILURE_INVALID_REQ, raw, client, reason=str(error.text))
        raise
    store = resolution.resolve(MethodRequest(request, client, request.mobile_type))
    not_stored = errors.SmsNotStored if request.mobile_type.method == Method.SMS else errors.PushNotStored
    try:
        return _store(lambda: run(store), not_stored)
    except LimitExceeded as error:
        # Its database transaction is undone: this is one of its own.
        _record_failure(error.event_type, raw, client, limit=error.limit)
        raise


def _store(store: Callable[[], RunResult], not_stored: type[errors.ApiError]) -> RunResult:
    try:
        with database.atomic():
            return store()
    except DatabaseError as error:
        raise not_stored from error


def _record_failure(event_type: EventType, raw: Mapping[str, str], client: ApiClient, **details: Any) -> None:
    user_id = raw.get("user_id", "").replace("\0", "")
    events.record(event_type, user_id=user_id, client_id=client.client_id, **details)


def result(transaction_id: UUID | None, client: ApiClient) -> Transaction:
    """Return a transaction to the client that started it; to any other it does not exist."""
    transaction = _find_transaction(transaction_id, client)
    if transaction is None:
        events.record(EventType.PUSH_AUTH_TRANSACTION_NOT_RETRIEVED, client_id=client.client_id)
        raise errors.TransactionNotFound
    events.record(
        EventType.PUSH_AUTH_TRANSACTION_RETRIEVED,
        **transaction.event_fields,
        status=transaction.current_status(timezone.now()),
    )
    return transaction


def _find_transaction(transaction_id: UUID | None, client: ApiClient) -> Transaction | None:
    if transaction_id is None:
        return None
    return Transaction.objects.select_related("client").filter(pk=transaction_id, client=client).first()


def _get_pending(transaction_id: UUID | None, client: ApiClient) -> Transaction:
    transaction = _find_transaction(transaction_id, client)
    if transaction is None or not transaction.is_pending(timezone.now()):
        raise errors.TransactionNotFound
    return transaction


def cancel(transaction_id: UUID | None, client: ApiClient) -> None:
    """End a pending transaction without a callback; TransactionNotFound when there is nothing to cancel."""
    if not lifecycle.cancel(_get_pending(transaction_id, client)):
        raise errors.TransactionNotFound


def resend_push(transaction_id: UUID | None, client: ApiClient) -> None:
    """Send the push of a pending transaction again; ResendLimitReached beyond the type's limit."""
    transaction = _get_pending(transaction_id, client)
    if transaction.method not in PUSH_METHODS:
        raise errors.TransactionNotFound
    _resend_push(transaction, _pending_row(transaction))


def resend(transaction: Transaction, *, expected_resends: int, **actor: Any) -> None:
    """Send a push or a code again for support staff, who saw `used` resends used: a second press does nothing.

    As E6 and E7, of any client's transaction: FeatureDisabled, SmsDisabled, TransactionNotFound (ended, changed since,
    or nothing to send), ResendLimitReached. `by` are facts for the event: who wanted it.
    """
    if not system.features().mobile_authentication:
        raise errors.FeatureDisabled
    unchanged_row = _pending_row(transaction).filter(resends_used=expected_resends)
    if transaction.method == Method.SMS:
        _require_sms_enabled()
        _resend_code(transaction, unchanged_row, **actor)
    elif transaction.method in PUSH_METHODS:
        _resend_push(transaction, unchanged_row, **actor)
    else:
        raise errors.TransactionNotFound


def _pending_row(transaction: Transaction) -> QuerySet[Transaction]:
    """Return the row as long as it is pending."""
    return Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk)


def _resend_push(transaction: Transaction, pending_row: QuerySet[Transaction], **actor: Any) -> None:
    reachable = enrollment.reachable_by_push(transaction.user_id)
    profile = reachable.filter(transactions=transaction).first()
    if profile is None:
        raise errors.TransactionNotFound
    _resend(
        transaction,
        pending_row,
        lambda: _enqueue_push(transaction, profile),
        (EventType.PUSH_AUTH_RESEND_SUCCESS, EventType.PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED),
        errors.PushNotStored,
        **actor,
    )


def _enqueue_push(transaction: Transaction, profile: Profile) -> None:
    try:
        push_limits.check(profile, is_new=False)
    except errors.NoAuthenticationPossibility:
        raise errors.TransactionNotFound from None
    push.enqueue(transaction, profile)


def resend_code(transaction_id: UUID | None, client: ApiClient, user_id: str) -> None:
    """Send the same code again, without a longer life; TypeNotFound for a transaction of another user (as upstream)."""
    _require_sms_enabled()
    transaction = _find_transaction(transaction_id, client)
    if transaction is not None and transaction.user_id != user_id:
        raise errors.TypeNotFound
    transaction = _get_pending(transaction_id, client)
    if transaction.method != Method.SMS:
        raise errors.TransactionNotFound
    _resend_code(transaction, _pending_row(transaction))


def _resend_code(transaction: Transaction, pending_row: QuerySet[Transaction], **actor: Any) -> None:
    _resend(
        transaction,
        pending_row,
        lambda: sms.enqueue(transaction),
        (EventType.SMS_RESEND_SUCCEEDED, EventType.SMS_RESEND_FAILED),
        errors.SmsNotStored,
        **actor,
    )


def _resend(
    transaction: Transaction,
    pending_row: QuerySet[Transaction],
    enqueue: Callable[[], None],
    event_types: tuple[EventType, EventType],
    not_stored: type[errors.ApiError],
    **actor: Any,
) -> None:
    """Reserve one of the allowed resends and store the delivery together; of two at the limit one wins."""
    succeeded, failed = event_types
    try:
        with database.atomic():
            reserved = pending_row.filter(resends_used__lt=F("max_resends")).update(resends_used=F("resends_used") + 1)
            if reserved:
                enqueue()
                events.record(succeeded, **transaction.event_fields, **actor)
    except LimitExceeded as error:
        events.record(failed, **transaction.event_fields, **actor, reason=error.limit)
        raise
    except DatabaseError as error:
        raise not_stored from error
    if not reserved:
        rejection = errors.ResendLimitReached() if pending_row.exists() else errors.TransactionNotFound()
        events.record(failed, **transaction.event_fields, reason=rejection.token, **actor)
        raise rejection


def _require_sms_enabled() -> None:
    if not system.general().sms_authentication_enabled:
        raise errors.SmsDisabled


def verify_code(transaction_id: UUID | None, client: ApiClient, user_id: str, code: str) -> Transaction:
    """Verify a code that the user typed.

    InvalidVerificationCode costs one attempt; the last one ends the transaction.
    """
    _require_sms_enabled()
    transaction = _find_transaction(transaction_id, client)
    if transaction is None or transaction.method != Method.SMS or transaction.user_id != user_id:
        raise errors.TransactionNotFound
    attempts.verify(transaction, code)
    return transaction
