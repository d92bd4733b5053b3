"""Operations of a portal on transactions: initiate, read, cancel, resend, and verify a code."""

from collections.abc import Callable, Mapping
from typing import TypeVar, Unpack
from uuid import UUID

from django.db import DatabaseError
from django.db import transaction as database
from django.db.models import F, QuerySet
from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import errors, statements
from apps.common.input_text import remove_nul
from apps.common.statements import Select, Update
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.facts import (
    ClientFacts,
    InvalidRequestFacts,
    LimitFacts,
    ReasonFact,
    RequestFacts,
    ResendFacts,
    ResendFailureFacts,
    StaffActor,
    StatusFacts,
    TypeFact,
)
from apps.events.types import EventType, EventTypes
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.base import LimitExceeded, MethodRequest, StartedTransaction
from apps.transactions.methods.push import code_to_phone
from apps.transactions.methods.push import limits as push_limits
from apps.transactions.methods.push import method as push
from apps.transactions.methods.sms import attempts
from apps.transactions.methods.sms import method as sms
from apps.transactions.models import Transaction
from apps.transactions.portal import resolution
from apps.transactions.request import parameters
from apps.transactions.request.channels import Channel
from apps.transactions.request.phone_numbers import PhoneNumberRejected
from apps.transactions.types import PUSH_METHODS, Method

RunResult = TypeVar("RunResult")


def initiate(
    raw: Mapping[str, str],
    client: ApiClient,
    version: parameters.ApiVersion,
    run: Callable[[Callable[[], StartedTransaction]], RunResult],
    channel: Channel | None = None,
    **actor: Unpack[StaffActor],
) -> RunResult:
    """Initiate an authentication: store the transaction and its delivery together. Workers send after the commit.

    `run` is called inside the database transaction with a function that stores both, and its result is returned.
    Everything that `run` stores is committed with them; an exception of `run` rolls back all of it.
    `channel` is set for requests that do not come from the portal API. `actor` is stored in the events if staff make
    the request in place of the client.

    Raises the errors of E3: TypeNotFound, InvalidParameter, MessageTooLong, InvalidPhoneNumber,
    NoAuthenticationPossibility, SmsDisabled, PushNotStored, SmsNotStored.
    """
    try:
        request = parameters.validate(raw, version, channel)
    except errors.MessageTooLong:
        events.record(EventTypes.PUSH_AUTH_INIT_FAILURE_MESSAGE_TOO_LONG, _request_facts(raw, client, actor))
        raise
    except PhoneNumberRejected as error:
        events.record(error.event_type, _request_facts(raw, client, actor))
        raise
    except errors.ApiError as error:
        known = _request_facts(raw, client, actor)
        facts = InvalidRequestFacts(**known, **ReasonFact(reason=str(error.text)), **TypeFact())
        events.record(EventTypes.MOBILE_AUTH_INIT_FAILURE_INVALID_REQ, facts)
        raise
    store = resolution.resolve(MethodRequest(request, client, request.mobile_type, actor))
    not_stored = errors.SmsNotStored if request.mobile_type.method == Method.SMS else errors.PushNotStored
    try:
        return _store(lambda: run(store), not_stored)
    except LimitExceeded as error:
        # The database transaction of the start is rolled back; the event is stored separately.
        events.record(error.event_type, LimitFacts(**_request_facts(raw, client, actor), limit=error.limit))
        raise


def _store(store: Callable[[], RunResult], not_stored: type[errors.ApiError]) -> RunResult:
    try:
        with database.atomic():
            return store()
    except DatabaseError as error:
        raise not_stored from error


def _request_facts(raw: Mapping[str, str], client: ApiClient, actor: StaffActor) -> RequestFacts:
    return RequestFacts(user_id=remove_nul(raw.get("user_id", "")), client_id=client.client_id, **actor)


def get_result(transaction_id: UUID | None, client: ApiClient) -> Transaction:
    """Return a transaction of this client. Raises TransactionNotFound for those of other clients, too."""
    transaction = _find_transaction(transaction_id, client)
    if transaction is None:
        events.record(EventTypes.PUSH_AUTH_TRANSACTION_NOT_RETRIEVED, ClientFacts(client_id=client.client_id))
        raise errors.TransactionNotFound
    _record_retrieval(transaction)
    return transaction


def _record_retrieval(transaction: Transaction) -> None:
    """Record an event the first time that the portal reads this status. Polls add no rows."""
    status = transaction.current_status(timezone.now())
    if transaction.retrieved_status == status:
        return
    event = events.build(EventTypes.PUSH_AUTH_TRANSACTION_RETRIEVED, StatusFacts(**transaction.facts, status=status))
    unread = UNREAD_STATUS.bind({"retrieved_status": status}, transaction_id=transaction.pk, status=status)
    if statements.update_and_insert(unread, [event]):
        events.count_and_log([event])


TRANSACTION_OF_CLIENT = Select(
    lambda transaction_id, client: Transaction.objects.filter(pk=transaction_id, client=client).order_by()
)
# Of concurrent reads, the first updates the row.
UNREAD_STATUS = Update(
    lambda transaction_id, status: Transaction.objects.filter(pk=transaction_id).exclude(retrieved_status=status)
)


def _find_transaction(transaction_id: UUID | None, client: ApiClient) -> Transaction | None:
    if transaction_id is None:
        return None
    transaction = TRANSACTION_OF_CLIENT.first(transaction_id=transaction_id, client=client.pk)
    if transaction:
        transaction.client = client
    return transaction


def _get_pending(transaction_id: UUID | None, client: ApiClient) -> Transaction:
    transaction = _find_transaction(transaction_id, client)
    if transaction is None or not transaction.is_pending(timezone.now()):
        raise errors.TransactionNotFound
    return transaction


def cancel(transaction_id: UUID | None, client: ApiClient) -> None:
    """Cancel a pending transaction without a callback. Raises TransactionNotFound if it is not pending."""
    if not lifecycle.cancel(_get_pending(transaction_id, client)):
        raise errors.TransactionNotFound


def resend_push(transaction_id: UUID | None, client: ApiClient) -> None:
    """Resend the push of a pending transaction. Raises ResendLimitReached if no resend remains."""
    transaction = _get_pending(transaction_id, client)
    if transaction.method not in PUSH_METHODS:
        raise errors.TransactionNotFound
    _resend_push(transaction, _pending_row(transaction))


def resend(transaction: Transaction, *, expected_resends: int, **actor: Unpack[StaffActor]) -> None:
    """Resend a push or a code of any client for support staff. `actor` is stored in the event.

    Only done if `expected_resends` resends were used, so that a repeated request does nothing. Raises the errors of E6
    and E7: FeatureDisabled, SmsDisabled, TransactionNotFound (ended, changed meanwhile, or nothing to send),
    ResendLimitReached.
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
    """Return a query for the row of the transaction while it is pending."""
    return Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk)


def _resend_push(transaction: Transaction, pending_row: QuerySet[Transaction], **actor: Unpack[StaffActor]) -> None:
    reachable = enrollment.reachable_by_push(transaction.user_id)
    profile = reachable.filter(transactions=transaction).first()
    if profile is None:
        raise errors.TransactionNotFound
    _resend(
        transaction,
        pending_row,
        lambda: _enqueue_push(transaction, profile),
        (EventTypes.PUSH_AUTH_RESEND_SUCCESS, EventTypes.PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED),
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
    """Resend the same code without extending the lifetime.

    Raises TypeNotFound for a transaction of another user, as the Token Server does.
    """
    _require_sms_enabled()
    transaction = _find_transaction(transaction_id, client)
    if transaction is not None and transaction.user_id != user_id:
        raise errors.TypeNotFound
    transaction = _get_pending(transaction_id, client)
    if transaction.method != Method.SMS:
        raise errors.TransactionNotFound
    _resend_code(transaction, _pending_row(transaction))


def _resend_code(transaction: Transaction, pending_row: QuerySet[Transaction], **actor: Unpack[StaffActor]) -> None:
    _resend(
        transaction,
        pending_row,
        lambda: sms.enqueue(transaction),
        (EventTypes.SMS_RESEND_SUCCEEDED, EventTypes.SMS_RESEND_FAILED),
        errors.SmsNotStored,
        **actor,
    )


def _resend(
    transaction: Transaction,
    pending_row: QuerySet[Transaction],
    enqueue: Callable[[], None],
    event_types: tuple[EventType[ResendFacts], EventType[ResendFailureFacts]],
    not_stored: type[errors.ApiError],
    **actor: Unpack[StaffActor],
) -> None:
    """Count a resend and store the delivery together. Of concurrent resends at the limit, one succeeds."""
    succeeded, failed = event_types
    try:
        with database.atomic():
            reserved = pending_row.filter(resends_used__lt=F("max_resends")).update(resends_used=F("resends_used") + 1)
            if reserved:
                enqueue()
                events.record(succeeded, ResendFacts(**transaction.facts, **actor))
    except LimitExceeded as error:
        events.record(failed, ResendFailureFacts(**transaction.facts, **actor, reason=error.limit))
        raise
    except DatabaseError as error:
        raise not_stored from error
    if not reserved:
        rejection = errors.ResendLimitReached() if pending_row.exists() else errors.TransactionNotFound()
        events.record(failed, ResendFailureFacts(**transaction.facts, **actor, reason=rejection.token))
        raise rejection


def _require_sms_enabled() -> None:
    if not system.general().sms_authentication_enabled:
        raise errors.SmsDisabled


def verify_code(transaction_id: UUID | None, client: ApiClient, user_id: str, code: str) -> Transaction:
    """Verify the code of an SMS. A wrong code costs one attempt; the last attempt ends the transaction."""
    _require_sms_enabled()
    transaction = _find_transaction(transaction_id, client)
    if transaction is None or transaction.method != Method.SMS or transaction.user_id != user_id:
        raise errors.TransactionNotFound
    attempts.verify(transaction, code)
    return transaction


def verify_code_of_phone(transaction_id: UUID | None, client: ApiClient, user_id: str, code: str) -> Transaction:
    """Verify the code that the device showed. A wrong code costs one attempt; the last attempt ends the transaction."""
    transaction = _find_transaction(transaction_id, client)
    if transaction is None or not transaction.code_to_phone or transaction.user_id != user_id:
        raise errors.TransactionNotFound
    code_to_phone.verify(transaction, code)
    return transaction
