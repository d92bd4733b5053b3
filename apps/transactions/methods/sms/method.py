"""SMS: a verification code sent to a phone number, which the user enters in the portal."""

from collections.abc import Callable
from functools import partial

from django.conf import settings

from apps.common import codes, errors
from apps.events import services as events
from apps.events.facts import RequestFacts
from apps.events.types import EventType, EventTypes
from apps.outbox import queues, wakeup
from apps.system import services as system
from apps.transactions.methods import code_failures
from apps.transactions.methods.base import MethodRequest, StartedTransaction, Unavailable, build, store
from apps.transactions.methods.sms import attempts, limits
from apps.transactions.models import SmsDelivery, Transaction
from apps.transactions.request import messages, phone_numbers, targets
from apps.transactions.request.phone_numbers import PhoneNumberRejected


def plan(step: MethodRequest) -> Callable[[], StartedTransaction]:
    """Return the function that stores the transaction.

    Raises Unavailable if SMS is off, or if this is the fallback of a push that a fraud lock prevents. Raises
    LimitReached while SMS is locked for the user, and PhoneNumberRejected: the number for a fallback is validated here.
    """
    if not system.general().sms_authentication_enabled:
        raise Unavailable(EventTypes.SMS_AUTH_INIT_FAILURE_DISABLED)
    _require_unlocked(step)
    number = _validate_number(step)
    # Checked last, so that a locked user and an unknown user get the same errors.
    if step.is_fallback and targets.is_locked(step.request):
        raise Unavailable(EventTypes.SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED)
    return partial(_store, step, number)


def _validate_number(step: MethodRequest) -> str:
    try:
        return phone_numbers.validate(step.request.phone_number)
    except PhoneNumberRejected as error:
        _record(step, error.event_type)
        raise


def _require_unlocked(step: MethodRequest) -> None:
    try:
        code_failures.require_unlocked(step.request.user_id)
    except errors.LimitReached:
        _record(step, EventTypes.SMS_AUTH_INIT_FAILURE_USER_LOCKED)
        raise


def _record(step: MethodRequest, event_type: EventType[RequestFacts]) -> None:
    events.record(event_type, step.facts)


def _store(step: MethodRequest, number: str) -> StartedTransaction:
    code = codes.verification_code()
    transaction = build(
        step,
        message=step.request.explicit_message or messages.default_message(step.mobile_type, step.request.language),
        phone_number=number,
        code=code,
        code_hash=codes.keyed_hash(code, attempts.hash_purpose(step.request.user_id)),
        max_attempts=step.mobile_type.max_attempts,
        sms_sender_id=step.mobile_type.sms_sender_id,
    )
    return store(step, transaction, EventTypes.SMS_AUTH_INITIALIZED, _delivery(transaction))


def enqueue(transaction: Transaction) -> None:
    """Store another SMS of a transaction, inside the caller's database transaction.

    Raises LimitExceeded if a limit is reached.
    """
    _delivery(transaction).save()
    wakeup.notify_workers(queues.SMS)


def _delivery(transaction: Transaction) -> SmsDelivery:
    hashes = limits.reserve(transaction, str(transaction.phone_number))
    return SmsDelivery(transaction=transaction, concurrency_key=settings.SMS_GATEWAY[:255], **hashes)
