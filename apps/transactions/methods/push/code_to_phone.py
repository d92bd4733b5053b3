"""Code to phone: the device shows a code, and the user enters it in the portal, which verifies it.

The code is stored as an SMS code is, and wrong codes are counted in the same way. The device gets it only after the
authenticator of the method has unlocked it. Until then the transaction has no hash, so no code is valid.
"""

from typing import Any

from django.db import transaction as database
from django.db.models import F, Q
from django.utils import timezone

from apps.applications.models import VersionStatus
from apps.common import codes, errors
from apps.common.statements import Select, Update
from apps.enrollment import fraud_locks
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.types import EventTypes
from apps.transactions import lifecycle
from apps.transactions.methods import code_failures
from apps.transactions.methods.base import LimitExceeded, MethodRequest
from apps.transactions.models import Status, Transaction

PURPOSE = "code to phone"

ATTEMPT = Update(
    lambda transaction_id, now: (
        Transaction.objects.pending(now)
        .filter(Q(max_attempts=0) | Q(code_attempts_used__lt=F("max_attempts")))
        .filter(pk=transaction_id)
    ),
    code_attempts_used=F("code_attempts_used") + 1,
)
PENDING = Update(lambda transaction_id, now: Transaction.objects.pending(now).filter(pk=transaction_id))
PROFILE = Select(
    lambda profile_id: (
        fraud_locks.annotate(Profile.objects.select_related("device__version"))
        .filter(pk=profile_id, server_key__isnull=False)
        .order_by()
    )
)
FAILURE_EVENTS = code_failures.FailureEvents(
    wrong_code=EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE,
    limit_exceeded=EventTypes.PUSH_AUTH_VALIDATION_CODE_LIMIT_EXCEEDED,
    user_locked=EventTypes.PUSH_AUTH_USER_LOCKED,
)


def fields_for(step: MethodRequest) -> dict[str, Any]:
    """Return the fields of a new transaction. Raises LimitExceeded while codes are locked for the user."""
    if not step.mobile_type.code_to_phone:
        return {}
    try:
        code_failures.require_unlocked(step.request.user_id)
    except errors.LimitReached as error:
        event_type = EventTypes.PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED
        text = errors.LimitReached.text
        raise LimitExceeded("max_consecutive_code_failures", error.seconds, text, event_type) from None
    return {
        "code_to_phone": True,
        "code": codes.verification_code(),
        "max_attempts": step.mobile_type.max_attempts,
    }


def release(transaction: Transaction, request_digest: str = "") -> str:
    """Return the code for the device, and make it valid. The caller has verified the credential.

    Raises InvalidTransaction if the transaction is not pending.
    """
    code = str(transaction.code)
    changes = {"code_hash": codes.keyed_hash(code, _hash_purpose(transaction)), "code_request_digest": request_digest}
    if not PENDING.run(changes, transaction_id=transaction.pk, now=timezone.now()):
        raise errors.InvalidTransaction
    events.record(EventTypes.PUSH_AUTH_CODE_FETCHED, transaction.facts)
    return code


def _hash_purpose(transaction: Transaction) -> str:
    return f"{PURPOSE} of {transaction.user_id}"


def verify(transaction: Transaction, code: str) -> None:
    """Verify a code. End its transaction if the code is valid, or if the last attempt failed.

    The attempt is counted before the code is compared, so that concurrent requests cannot exceed the limit.

    Raises InvalidVerificationCode, TransactionNotFound if no attempt remains or the device can no longer authenticate,
    or LimitReached while codes are locked for the user.
    """
    if not is_device_usable(transaction):
        raise errors.TransactionNotFound
    number, is_last = _reserve_attempt(transaction)
    if codes.matches(code, _hash_purpose(transaction), [transaction.code_hash]):
        code_failures.clear(transaction.user_id)
        answer = lifecycle.Answer(updates=[lifecycle.login_of_device(transaction)])
        ending = EventTypes.MOBILE_AUTH_AUTHENTICATED
        if not lifecycle.close(transaction, Status.AUTHENTICATED, ending, answer=answer):
            raise errors.TransactionNotFound
        return
    code_failures.reject(transaction, number, FAILURE_EVENTS, is_last_of_user=is_last)


def is_device_usable(transaction: Transaction) -> bool:
    """Return True if the user can authenticate with the device: it has keys, is not disabled, and is not locked."""
    profile = PROFILE.first(profile_id=transaction.profile_id) if transaction.profile_id else None
    return profile is not None and not profile.locked_at and profile.device.version.status != VersionStatus.DISABLED


def _reserve_attempt(transaction: Transaction) -> tuple[int, bool]:
    """Count an attempt. Return its number, and whether it is the user's last one over all transactions.

    Raises TransactionNotFound if no attempt remains or the transaction has ended, and LimitReached while codes are
    locked for the user.
    """
    with database.atomic():
        is_last = code_failures.reserve_attempt(transaction.user_id)
        number = ATTEMPT.run_returning("code_attempts_used", {}, transaction_id=transaction.pk, now=timezone.now())
        if number is None:
            raise errors.TransactionNotFound
    return number, is_last
