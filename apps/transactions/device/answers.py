"""Verify the answers of devices and end their transactions."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction as database
from django.utils import timezone

from apps.common import codes, errors
from apps.common.statements import Select
from apps.enrollment import authenticators, fraud_locks, keys
from apps.enrollment import services as enrollment
from apps.enrollment.keys import MessageType
from apps.enrollment.models import Device, Profile
from apps.events import services as events
from apps.events.facts import TransactionFacts
from apps.events.types import EventType, EventTypes
from apps.system import services as system
from apps.transactions import lifecycle, locks
from apps.transactions.methods.push import credentials
from apps.transactions.models import Reason, Status, Transaction

ANSWERED_TRANSACTION = Select(
    lambda transaction_id, device_id: (
        Transaction.objects.select_related("client", "profile__device__version__application", "profile__server_key")
        .annotate(profile_locked_at=fraud_locks.locked_since("profile__"))  # type: ignore[no-redef]
        .filter(pk=transaction_id, device_id=device_id)
        .order_by()
    )
)


def process_answer(transaction_id: UUID | None, device: Device, message: str) -> Status:
    """Verify a sealed answer of this device and end the transaction with it.

    A byte-identical repeat of a verified answer gets the same response and changes nothing. Raises InvalidMessage
    without counting an attempt, InvalidPin or AuthenticatorRevoked (the transaction stays pending), or Disconnected
    (the transaction ends).
    """
    transaction = find_transaction(transaction_id, device)
    if transaction is None:
        raise errors.InvalidTransaction
    digest = digest_of(message)
    if transaction.attempts_used and (error := credentials.previous_error(transaction, digest)):
        raise error
    if transaction.profile is None:
        raise errors.InvalidTransaction
    enrollment.require_enabled(device.version)
    if transaction.answer_digest == digest:
        return Status(transaction.status)
    if not transaction.is_pending(timezone.now()) or not transaction.profile.has_keys:
        raise errors.InvalidTransaction
    return _process(transaction, transaction.profile, message, digest)


def digest_of(message: str) -> str:
    """Return the digest that identifies a byte-identical repeat of a sealed message."""
    return sha256(message.encode(errors="surrogatepass")).hexdigest()


def find_transaction(transaction_id: UUID | None, device: Device) -> Transaction | None:
    if transaction_id is None:
        return None
    # The transaction keeps the device id when its profile is deleted after the PIN limit.
    return ANSWERED_TRANSACTION.first(transaction_id=transaction_id, device_id=device.device_id)


def _process(transaction: Transaction, profile: Profile, message: str, digest: str) -> Status:
    content = _open_answer(transaction, profile, message)
    if not content["authenticated"]:
        return _deny(transaction, profile, digest, is_fraud=content.get("fraud") is True)
    if transaction.code_to_phone:
        # The portal verifies the code of the device instead.
        events.record(EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, transaction.facts)
        raise errors.InvalidMessage
    if transaction.profile_locked_at:
        # A locked user cannot approve any transaction in this application, including older ones.
        raise errors.InvalidTransaction
    credential = read_credential(transaction, profile, content)
    if credential is None:
        return _approve(transaction, profile, content, digest)
    # Answers of a profile are verified one by one: each sees the effects of those before it.
    with database.atomic():
        authenticators.lock(profile)
        error = None
        if not credentials.reserve_attempt(transaction, expected_attempts=transaction.attempts_used):
            # Another answer was verified meanwhile, possibly the same one.
            error = credentials.previous_error(transaction, digest)
            if not error and not credentials.reserve_attempt(transaction):
                return _resolve_concurrent_answer(transaction, digest)
        error = error or credentials.verify(transaction, profile, credential, digest)
        if not error:
            return _approve(transaction, profile, content, digest, authenticator=credential.type)
    # Raised outside the database transaction, which would otherwise roll back the attempt counter.
    raise error


def _deny(transaction: Transaction, profile: Profile, digest: str, *, is_fraud: bool) -> Status:
    """End the transaction with a denial. A fraud report locks the profile if the feature is on."""
    if not is_fraud:
        return _end(transaction, digest, reason=Reason.NOT_ACCEPTED)
    fraud_event = EventTypes.PUSH_AUTH_FRAUD_REPORTED
    locks_profile = system.general().lock_profile_on_fraud_report
    with database.atomic():
        if locks_profile:
            # Locked before the transaction, in the same order as the verification of a PIN.
            authenticators.lock(profile)
        status = _end(transaction, digest, fraud_event, reason=Reason.NOT_ACCEPTED, fraud_reported=True)
        if locks_profile:
            locks.lock_profile(profile, **transaction.actor)
    return status


def _approve(transaction: Transaction, profile: Profile, content: dict[str, Any], digest: str, **proof: Any) -> Status:
    """End the transaction with a verified approval, after verifying its number and its signature.

    `proof` are fields of the transaction that describe the verified credential.
    """
    if transaction.verification_number and not _is_verification_number(transaction, content.get("number")):
        return _end(
            transaction, digest, EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_NUMBER, reason=Reason.INVALID_ANSWER
        )
    if not transaction.signing_data:
        return _end(transaction, digest, **proof)
    credential = content.get("signature")
    sent = credential if isinstance(credential, str) and keys.is_signature(credential) else ""
    verified = keys.verify_signature(profile, transaction.signing_data, sent)
    proof |= {
        "signature": verified or sent,
        "user_public_key": keys.public_key_pem(profile),
        "signature_verified": bool(verified),
    }
    if verified:
        return _end(transaction, digest, EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED, **proof)
    missing = EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE
    invalid = EventTypes.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE
    return _end(transaction, digest, invalid if credential else missing, reason=Reason.INVALID_ANSWER, **proof)


def _is_verification_number(transaction: Transaction, number: object) -> bool:
    return isinstance(number, str) and codes.constant_time_compare(number, str(transaction.verification_number))


def _open_answer(transaction: Transaction, profile: Profile, message: str) -> dict[str, Any]:
    """Open an answer. Raises InvalidMessage, with an event, if it does not answer this challenge."""
    return open_reply(transaction, profile, message, _is_answer)


def _is_answer(content: dict[str, Any]) -> bool:
    """Return True if the members are those of an answer. An approval cannot report a fraud."""
    approved, fraud = content.get("authenticated"), content.get("fraud", False)
    return isinstance(approved, bool) and isinstance(fraud, bool) and not (approved and fraud)


def open_reply(
    transaction: Transaction, profile: Profile, message: str, is_expected: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Open a sealed message with the token of the challenge.

    Raises InvalidMessage, with an event, if it does not belong to this challenge or is not of the expected form.
    """
    try:
        content = keys.open_sealed(profile, MessageType.ANSWER, message)
        token = content.get("token")
        if content.get("transaction_id") != str(transaction.pk) or not is_expected(content):
            raise errors.InvalidMessage
    except errors.InvalidMessage:
        events.record(EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, transaction.facts)
        raise
    if not isinstance(token, str) or not codes.constant_time_compare(token, transaction.token):
        events.record(EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN, transaction.facts)
        raise errors.InvalidMessage
    return content


def read_credential(
    transaction: Transaction, profile: Profile, content: dict[str, Any]
) -> credentials.Credential | None:
    """Return the credential of a message, or None if the method needs none. Raises InvalidMessage, with an event."""
    try:
        return credentials.parse(content, transaction.method, profile)
    except errors.InvalidMessage:
        events.record(EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, transaction.facts)
        raise


def _end(
    transaction: Transaction,
    digest: str,
    extra_event: EventType[TransactionFacts] | None = None,
    *,
    reason: Reason | None = None,
    **proof: Any,
) -> Status:
    """End the transaction with this answer. `extra_event` is recorded in addition to the event of the end."""
    status = Status.NOT_AUTHENTICATED if reason else Status.AUTHENTICATED
    ending = EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED if reason else EventTypes.MOBILE_AUTH_AUTHENTICATED
    extra_events = [events.build(extra_event, transaction.facts)] if extra_event else []
    updates = []
    if status == Status.AUTHENTICATED:
        updates.append(lifecycle.login_of_device(transaction))
    answer = lifecycle.Answer({"answer_digest": digest, **proof}, extra_events, updates)
    if not lifecycle.close(transaction, status, ending, reason=reason, answer=answer):
        return _resolve_concurrent_answer(transaction, digest)
    return status


def _resolve_concurrent_answer(transaction: Transaction, digest: str) -> Status:
    """Return the status if the same answer ended the transaction concurrently.

    Raises InvalidTransaction if another answer, a cancellation or the expiry ended it.
    """
    transaction.refresh_from_db(fields=["status", "answer_digest"])
    if transaction.answer_digest != digest:
        raise errors.InvalidTransaction
    return Status(transaction.status)
