"""Consecutive wrong codes of a user over all transactions: SMS codes, and codes that are sent to the device.

Both count together, so a second way in allows no additional attempts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from django.db import connection
from django.utils import timezone

from apps.common import errors
from apps.common.statements import Select, Update
from apps.events import services as events
from apps.events.facts import AttemptFacts, EndFacts, UserLockFacts, attempt_limit
from apps.events.types import EventType
from apps.system import services as system
from apps.transactions import lifecycle
from apps.transactions.models import CodeFailures, Reason, Status, Transaction

LOCKED = Select(lambda user_id: CodeFailures.objects.filter(user_id=user_id).exclude(locked_at=None).order_by())
FAILURES = Update(lambda user_id: CodeFailures.objects.filter(user_id=user_id))
LOCK_COUNT = """
INSERT INTO transactions_codefailures (user_id, count) VALUES (%s, 0)
ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING count, locked_at
"""


def require_unlocked(user_id: str) -> None:
    """Raise LimitReached while codes are locked for the user."""
    row = LOCKED.first(user_id=user_id)
    if row:
        _require_lock_expired(row.locked_at)


def reserve_attempt(user_id: str) -> bool:
    """Count an attempt of the user before its code is compared. Return True if it reaches the limit.

    The attempt that reaches the limit locks codes for the user in advance: a valid code removes the lock, and it
    persists if the process is killed meanwhile. Raises LimitReached while codes are locked. Requires a database
    transaction.

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


def clear(user_id: str) -> None:
    """Clear the failures and the lock of the user after a valid code."""
    CodeFailures.objects.filter(user_id=user_id).delete()


@dataclass(frozen=True)
class FailureEvents:
    """Event types of a kind of code: a wrong code, the last attempt of a transaction, and the lock of the user."""

    wrong_code: EventType[AttemptFacts]
    limit_exceeded: EventType[EndFacts]
    user_locked: EventType[UserLockFacts]


def reject(transaction: Transaction, attempt: int, types: FailureEvents, *, is_last_of_user: bool) -> NoReturn:
    """Record a wrong code, end the transaction after its last attempt, and raise InvalidVerificationCode."""
    facts = AttemptFacts(**transaction.facts, **attempt_limit(transaction.max_attempts), attempt=attempt)
    events.record(types.wrong_code, facts)
    # A valid code can have removed the lock meanwhile.
    if is_last_of_user and LOCKED.first(user_id=transaction.user_id):
        events.record(types.user_locked, UserLockFacts(user_id=transaction.user_id, **transaction.actor))
    if transaction.max_attempts and attempt >= transaction.max_attempts:
        lifecycle.close(transaction, Status.NOT_AUTHENTICATED, types.limit_exceeded, reason=Reason.INVALID_ANSWER)
    raise errors.InvalidVerificationCode
