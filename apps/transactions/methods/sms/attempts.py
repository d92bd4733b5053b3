"""Verification of SMS codes: every attempt is reserved before the code is compared, and counted per user as well."""

from datetime import timedelta
from typing import Any

from django.db import transaction as database
from django.db.models import F, Q
from django.utils import timezone

from apps.common import codes, errors
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.sms import limits
from apps.transactions.models import CodeFailures, Reason, Status, Transaction

PURPOSE = "text message code"


def hash_purpose(user_id: str) -> str:
    """Return the purpose of the keyed hash of a user's codes."""
    return f"{PURPOSE} of {user_id}"


def verify(transaction: Transaction, code: str) -> None:
    """Verify a code and end its transaction if it is right, or if it was the last attempt and wrong.

    The attempt is reserved before the code is compared, so that many at once cannot have more than they are allowed.
    Raises InvalidVerificationCode, TransactionNotFound if no attempt is left, LimitReached while SMS is locked for the
    user.
    """
    number, is_last = _reserve_attempt(transaction)
    if _is_valid_code(transaction, code):
        _clear_failures(transaction.user_id)
        if not lifecycle.close(transaction, Status.AUTHENTICATED, EventType.SMS_AUTH_AUTHENTICATED):
            raise errors.TransactionNotFound
        limits.count_verified(transaction)
        return
    event_type = EventType.SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE
    events.record(event_type, **transaction.event_fields, attempt=number)
    _record_lock(transaction.user_id, is_last=is_last, **transaction.source)
    if transaction.max_attempts and number >= transaction.max_attempts:
        limit_exceeded = EventType.SMS_AUTH_VALIDATION_LIMIT_EXCEEDED
        lifecycle.close(transaction, Status.NOT_AUTHENTICATED, limit_exceeded, reason=Reason.INVALID_ANSWER)
    raise errors.InvalidVerificationCode


def _reserve_attempt(transaction: Transaction) -> tuple[int, bool]:
    """Count an attempt; return its number, and whether it is the user's last over all transactions.

    Raises TransactionNotFound if none is left or the transaction has ended, and LimitReached while SMS is locked for
    the user.
    """
    remaining = Q(max_attempts=0) | Q(attempts_used__lt=F("max_attempts"))
    pending = Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk)
    with database.atomic():
        is_last = reserve_user_attempt(transaction.user_id)
        if not pending.filter(remaining).update(attempts_used=F("attempts_used") + 1):
            raise errors.TransactionNotFound
        # Still inside the transaction: the row is ours, so this is the number of this attempt.
        transaction.refresh_from_db(fields=["attempts_used"])
    return transaction.attempts_used, is_last


def require_unlocked(user_id: str) -> None:
    """Raise LimitReached while SMS is locked for the user."""
    row = CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).first()
    if row:
        _require_lock_expired(row)


def reserve_user_attempt(user_id: str) -> bool:
    """Count a code before it is looked at, so that many at once are not more than the limit; LimitReached beyond it.

    The one that reaches the limit locks SMS for the user before it is looked at: the lock outlives a process that dies
    meanwhile, and a right code lifts it. Returns whether this was the one.

    NIST SP 800-63B-4, 3.2.2: at most 100 failures of an account in a row. Needs a database transaction.
    """
    rows = CodeFailures.objects.filter(user_id=user_id)
    # A right code may take the row away at any moment.
    while (row := rows.select_for_update().first()) is None:
        CodeFailures.objects.bulk_create([CodeFailures(user_id=user_id)], ignore_conflicts=True)
    _require_lock_expired(row)
    # After a lock has expired, the count starts again.
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


def _record_lock(user_id: str, *, is_last: bool, **subject: Any) -> None:
    """Record that SMS is locked for the user if the code was wrong that was reserved as the last."""
    if is_last and CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).exists():
        events.record(EventType.SMS_AUTH_USER_LOCKED, user_id=user_id, **subject)


def _is_valid_code(transaction: Transaction, code: str) -> bool:
    """Compare a code in constant time. Anything but six digits is as wrong as another code."""
    return codes.matches(code, hash_purpose(transaction.user_id), [transaction.code_hash])
