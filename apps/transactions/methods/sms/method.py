"""SMS: a six-digit code to a phone number, which the user types into the portal."""

from collections.abc import Callable
from functools import partial

from django.conf import settings

from apps.common import codes, errors
from apps.events import services as events
from apps.events.types import EventType
from apps.outbox import wakeup
from apps.system import services as system
from apps.transactions import tasks
from apps.transactions.methods.base import Ask, Started, Unavailable, create
from apps.transactions.methods.sms import attempts, limits
from apps.transactions.models import SmsDelivery, Transaction
from apps.transactions.request import messages, phone_numbers, targets
from apps.transactions.request.phone_numbers import PhoneNumberRejected


def plan(ask: Ask) -> Callable[[], Started]:
    """Return what stores the transaction.

    Raises Unavailable if SMS is switched off, or for the fallback of a push that a fraud lock prevents; LimitReached
    while SMS is locked for the user; and PhoneNumberRejected: as a fallback, this is the first time that the number is
    validated.
    """
    if not system.general().sms_authentication_enabled:
        raise Unavailable(EventType.SMS_AUTH_INIT_FAILURE_DISABLED)
    _require_unlocked(ask)
    number = _number(ask)
    # Checked last: a locked user and an unknown user get the same errors.
    if ask.is_fallback and targets.is_locked(ask.request):
        raise Unavailable(EventType.SMS_AUTH_INIT_FAILURE_PROFILE_LOCKED)
    return partial(_store, ask, number)


def _number(ask: Ask) -> str:
    try:
        return phone_numbers.validated(ask.request.phone_number)
    except PhoneNumberRejected as error:
        _record(ask, error.event_type)
        raise


def _require_unlocked(ask: Ask) -> None:
    try:
        attempts.require_unlocked(ask.request.user_id)
    except errors.LimitReached:
        _record(ask, EventType.SMS_AUTH_INIT_FAILURE_USER_LOCKED)
        raise


def _record(ask: Ask, event_type: EventType) -> None:
    events.record(event_type, user_id=ask.request.user_id, client_id=ask.client.client_id)


def _store(ask: Ask, number: str) -> Started:
    code = codes.six_digits()
    transaction = create(
        ask,
        EventType.SMS_AUTH_INITIALIZED,
        message=ask.request.given_message or messages.default(ask.mobile_type, ask.request.language),
        phone_number=number,
        code=code,
        code_hash=codes.keyed_hash(code, attempts.purpose(ask.request.user_id)),
        max_attempts=ask.mobile_type.max_attempts,
        sms_sender_id=ask.mobile_type.sms_sender_id,
    )
    enqueue(transaction)
    return Started(transaction)


def enqueue(transaction: Transaction) -> None:
    """Store a text message for sending, inside the caller's database transaction.

    Raises LimitExceeded beyond a limit.
    """
    hashes = limits.reserve(transaction, str(transaction.phone_number))
    SmsDelivery.objects.create(transaction=transaction, lane=settings.SMS_GATEWAY[:255], **hashes)
    wakeup.notify_workers(SmsDelivery, tasks.deliver_sms.delay)
