"""Verification of SMS codes. An attempt is counted before the code is compared, and also per user."""

from datetime import UTC, datetime, timedelta
from typing import Unpack

from django.db import connection
from django.db import transaction as database
from django.db.models import F, Q
from django.utils import timezone

from apps.common import codes, errors
from apps.common.statements import Select, Update
from apps.events import services as events
from apps.events.facts import Actor, AttemptFacts, UserLockFacts
from apps.events.types import EventTypes
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.methods.sms import limits
from apps.transactions.models import CodeFailures, Reason, Status, Transaction

PURPOSE = "text message code"

LOCKED = Select(lambda user_id: CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).order_by())
FAILURES = Update(lambda user_id: CodeFailures.objects.filter(user_id=user_id))
LOCK_COUNT = """
INSERT INTO transactions_codefailures (user_id, count) VALUES (%s, 0)
ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING count, locked_at
"""
ATTEMPT = Update(
    lambda transaction_id, now: (
        Transaction.objects.pending(now)
        .filter(Q(max_attempts=0) | Q(attempts_used__lt=F("max_attempts")))
        .filter(pk=transaction_id)
    ),
    attempts_used=F("attempts_used") + 1,
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
    with database.atomic():
        is_last = reserve_user_attempt(transaction.user_id)
        number = ATTEMPT.run_returning("attempts_used", {}, transaction_id=transaction.pk, now=timezone.now())
        if number is None:
            raise errors.TransactionNotFound
    return number, is_last


def require_unlocked(user_id: str) -> None:
    """Raise LimitReached while SMS is locked for the user."""
    row = LOCKED.first(user_id=user_id)
    if row:
        _require_lock_expired(row.locked_at)


def reserve_user_attempt(user_id: str) -> bool:
    """Count an attempt of the user before its code is compared. Return True if it reaches the limit.

    The attempt that reaches the limit locks SMS for the user in advance: a valid code removes the lock, and it persists
    if the process is killed meanwhile. Raises LimitReached while SMS is locked. Requires a database transaction.

    NIST SP 800-63B-4, 3.2.2: at most 100 consecutive failures of an account.
    """
    count, locked_at = _locked_count(user_id)
    _require_lock_expired(locked_at)
    # After a lock has expired, counting starts at 1.
    count = 1 if locked_at else count + 1
    is_last = count >= system.general().max_consecutive_code_failures
    FAILURES.run({"count": count, "locked_at": timezone.now() if is_last else None}, user_id=user_id)
    return is_last


def _locked_count(user_id: str) -> tuple[int, datetime | None]:
    """Return the count of the user and the start of the lock, and lock their row. It is created if necessary.

    One statement, because a valid code can delete the row concurrently.
    """
    with connection.cursor() as cursor:
        cursor.execute(LOCK_COUNT, [user_id])
        count, locked_at = cursor.fetchone()
    # SQLite stores no time zone.
    return count, locked_at.replace(tzinfo=UTC) if locked_at else None


def _require_lock_expired(locked_at: datetime | None) -> None:
    seconds = system.general().code_lock_seconds
    if locked_at is None:
        return
    if not seconds:
        raise errors.LimitReached
    remaining = (locked_at + timedelta(seconds=seconds) - timezone.now()).total_seconds()
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
