"""Verification of SMS codes. An attempt is counted before the code is compared, and also per user."""

from django.db import transaction as database
from django.db.models import F, Q
from django.utils import timezone

from apps.common import codes, errors
from apps.common.statements import Update
from apps.events.types import EventTypes
from apps.transactions import lifecycle
from apps.transactions.methods import code_failures
from apps.transactions.methods.sms import limits
from apps.transactions.models import Status, Transaction

PURPOSE = "text message code"

ATTEMPT = Update(
    lambda transaction_id, now: (
        Transaction.objects.pending(now)
        .filter(Q(max_attempts=0) | Q(attempts_used__lt=F("max_attempts")))
        .filter(pk=transaction_id)
    ),
    attempts_used=F("attempts_used") + 1,
)
FAILURE_EVENTS = code_failures.FailureEvents(
    wrong_code=EventTypes.SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE,
    limit_exceeded=EventTypes.SMS_AUTH_VALIDATION_LIMIT_EXCEEDED,
    user_locked=EventTypes.SMS_AUTH_USER_LOCKED,
)


def hash_purpose(user_id: str) -> str:
    """Return the purpose of the keyed hash of a user's codes."""
    return f"{PURPOSE} of {user_id}"


def verify(transaction: Transaction, code: str) -> None:
    """Verify a code. End its transaction if the code is valid, or if the last attempt failed.

    The attempt is counted before the code is compared, so that concurrent requests cannot exceed the limit.

    Raises InvalidVerificationCode, TransactionNotFound if no attempt remains, or LimitReached while SMS is locked for
    the user.
    """
    number, is_last = _reserve_attempt(transaction)
    if _is_valid_code(transaction, code):
        code_failures.clear(transaction.user_id)
        if not lifecycle.close(transaction, Status.AUTHENTICATED, EventTypes.SMS_AUTH_AUTHENTICATED):
            raise errors.TransactionNotFound
        limits.count_verified(transaction)
        return
    code_failures.reject(transaction, number, FAILURE_EVENTS, is_last_of_user=is_last)


def _reserve_attempt(transaction: Transaction) -> tuple[int, bool]:
    """Count an attempt. Return its number, and whether it is the user's last one over all transactions.

    Raises TransactionNotFound if no attempt remains or the transaction has ended, and LimitReached while SMS is locked
    for the user.
    """
    with database.atomic():
        is_last = code_failures.reserve_attempt(transaction.user_id)
        number = ATTEMPT.run_returning("attempts_used", {}, transaction_id=transaction.pk, now=timezone.now())
        if number is None:
            raise errors.TransactionNotFound
    return number, is_last


def _is_valid_code(transaction: Transaction, code: str) -> bool:
    """Return True if the code is valid. The comparison takes constant time."""
    return codes.matches(code, hash_purpose(transaction.user_id), [transaction.code_hash])
