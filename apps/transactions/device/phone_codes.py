"""Give the code of a transaction to its device, after the authenticator of the method has unlocked it."""

from typing import Any
from uuid import UUID

from django.db import transaction as database
from django.utils import timezone

from apps.common import errors
from apps.enrollment import authenticators, keys
from apps.enrollment import services as enrollment
from apps.enrollment.keys import MessageType
from apps.enrollment.models import Device, Profile
from apps.transactions.device import answers
from apps.transactions.methods.push import code_to_phone, credentials
from apps.transactions.methods.push.credentials import Credential
from apps.transactions.models import Transaction


def fetch_code(transaction_id: UUID | None, device: Device, message: str) -> str:
    """Return the code of a transaction in a sealed message. `message` is the sealed credential of the method.

    A byte-identical repeat gets the same response and is not counted. Raises InvalidMessage without counting an
    attempt, InvalidPin or AuthenticatorRevoked (the transaction stays pending), or Disconnected (the transaction ends).
    """
    transaction = answers.find_transaction(transaction_id, device)
    if transaction is None or not transaction.code_to_phone:
        raise errors.InvalidTransaction
    digest = answers.digest_of(message)
    if transaction.attempts_used and (error := credentials.previous_error(transaction, digest)):
        raise error
    profile = transaction.profile
    if profile is None:
        raise errors.InvalidTransaction
    enrollment.require_enabled(device.version)
    if not transaction.is_pending(timezone.now()) or not profile.has_keys or transaction.profile_locked_at:
        raise errors.InvalidTransaction
    content = answers.open_reply(transaction, profile, message, _is_code_request)
    credential = answers.read_credential(transaction, profile, content)
    code = _release(transaction, profile, credential, digest)
    return keys.seal(profile, MessageType.TOKEN, {"code": code})


def _is_code_request(content: dict[str, Any]) -> bool:
    """Return True if the message is not an answer, which approves or denies."""
    return "authenticated" not in content


def _release(transaction: Transaction, profile: Profile, credential: Credential | None, digest: str) -> str:
    if credential is None:
        return code_to_phone.release(transaction, digest)
    # Requests of a profile are verified one by one: each sees the effects of those before it.
    with database.atomic():
        authenticators.lock(profile)
        error = credentials.previous_error(transaction, digest)
        if not error and not _is_repeat(transaction, digest):
            if not credentials.reserve_attempt(transaction):
                raise errors.InvalidTransaction
            error = credentials.verify(transaction, profile, credential, digest)
        if not error:
            return code_to_phone.release(transaction, digest)
    # Raised outside the database transaction, which would otherwise roll back the attempt counter.
    raise error


def _is_repeat(transaction: Transaction, digest: str) -> bool:
    """Return True if the code was given in response to the same message. Requires the lock of the profile."""
    return Transaction.objects.filter(pk=transaction.pk, code_request_digest=digest).exists()
