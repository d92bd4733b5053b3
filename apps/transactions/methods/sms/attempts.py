"""Verification of SMS codes. An attempt is counted before the code is compared, and also per user."""

from datetime import timedelta
from typing import Unpack

from django.db import transaction as database
from django.db.models import F, Q
from django.utils import timezone

from apps.common import codes, errors
from apps.events import services as events
from apps.events.facts import Actor, AttemptFacts, UserLockFacts
from apps.events.types import EventTypes
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.sms import limits
from apps.transactions.models import CodeFailures, Reason, Status, Transaction

PURPOSE = "text message code"


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
        _clear_failures(transaction.user_id)
        if not lifecycle.close(transaction, Status.AUTHENTICATED, EventTypes.SMS_AUTH_AUTHENTICATED):
            raise errors.TransactionNotFound
        limits.count_verified(transaction)
        return
    event_type = EventTypes.SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE
    events.record(event_type, AttemptFacts(**transaction.facts, attempt=number))
    _record_lock(transaction.user_id, is_last=is_last, **transaction.actor)
    if transaction.max_attempts and number >= transaction.max_attempts:
        limit_exceeded = EventTypes.SMS_AUTH_VALIDATION_LIMIT_EXCEEDED
        lifecycle.close(transaction, Status.NOT_AUTHENTICATED, limit_exceeded, reason=Reason.INVALID_ANSWER)
    raise errors.InvalidVerificationCode


def _reserve_attempt(transaction: Transaction) -> tuple[int, bool]:
    """Count an attempt. Return its number, and whether it is the user's last one over all transactions.

    Raises TransactionNotFound if no attempt remains or the transaction has ended, and LimitReached while SMS is locked
    for the user.
    """
    remaining = Q(max_attempts=0) | Q(attempts_used__lt=F("max_attempts"))
    pending = Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk)
    with database.atomic():
        is_last = reserve_user_attempt(transaction.user_id)
        if not pending.filter(remaining).update(attempts_used=F("attempts_used") + 1):
            raise errors.TransactionNotFound
        # The row is still locked by the database transaction, so this is the number of this attempt.
        transaction.refresh_from_db(fields=["attempts_used"])
    return transaction.attempts_used, is_last


def require_unlocked(user_id: str) -> None:
    """Raise LimitReached while SMS is locked for the user."""
    row = CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).first()
    if row:
        _require_lock_expired(row)


def reserve_user_attempt(user_id: str) -> bool:
    """Count an attempt of the user before its code is compared. Return True if it reaches the limit.

    The attempt that reaches the limit locks SMS for the user in advance: a valid code removes the lock, and it persists
    if the process is killed meanwhile. Raises LimitReached while SMS is locked. Requires a database transaction.

    NIST SP 800-63B-4, 3.2.2: at most 100 consecutive failures of an account.
    """
    rows = CodeFailures.objects.filter(user_id=user_id)
    # A valid code can delete the row concurrently.
    while (row := rows.select_for_update().first()) is None:
        CodeFailures.objects.bulk_create([CodeFailures(user_id=user_id)], ignore_conflicts=True)
    _require_lock_expired(row)
    # After a lock has expired, counting starts at 1.
    row.count = 1 if row.locked_at else row.count + 1
    is_last = row.count >= system.general().max_consecutive_code_failures
    row.locked_at = timezone.now() if is_last else None
    row.save()
    return is_last


def _require_lock_expired(row: CodeFailures) -> None:
    seconds = system.general().code_lock_seconds
    if row.locked_at is None:
        return
    if not seconds:
        raise errors.LimitReached
    remaining = (row.locked_at + timedelta(seconds=seconds) - timezone.now()).total_seconds()
    if remaining > 0:
        raise errors.LimitReached(remaining)


def _clear_failures(user_id: str) -> None:
    CodeFailures.objects.filter(user_id=user_id).delete()


def _record_lock(user_id: str, *, is_last: bool, **actor: Unpack[Actor]) -> None:
    """Record that SMS is locked for the user if the last attempt failed."""
    if is_last and CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).exists():
        events.record(EventTypes.SMS_AUTH_USER_LOCKED, UserLockFacts(user_id=user_id, **actor))


def _is_valid_code(transaction: Transaction, code: str) -> bool:
    """Return True if the code is valid. The comparison takes constant time."""
    return codes.matches(code, hash_purpose(transaction.user_id), [transaction.code_hash])
