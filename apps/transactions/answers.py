"""What becomes of a device's answer: one is judged, and ends the transaction or leaves it as it was."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.common import codes
from apps.common.exceptions import InvalidMessage, InvalidTransaction
from apps.enrollment import keys, signatures
from apps.enrollment import services as enrollment
from apps.enrollment.models import Device, Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.transactions import credentials, lifecycle
from apps.transactions.models import Reason, Status, Transaction


def answer(transaction_id: UUID | None, device: Device, message: str) -> Status:
    """Judge a sealed answer of this device and end the transaction with it.

    A byte-identical repeat of an answer that was judged gets the same again and changes nothing. InvalidMessage costs
    nothing: the transaction stays pending. InvalidPin and AuthenticatorRevoked leave it pending, Disconnected ends it.
    """
    transaction = _of_device(transaction_id, device)
    if transaction is None:
        raise InvalidTransaction
    digest = sha256(message.encode(errors="surrogatepass")).hexdigest()
    if error := credentials.repeated(transaction, digest):
        raise error
    if transaction.profile is None:
        raise InvalidTransaction
    enrollment.require_enabled(device.version)
    if transaction.answer_digest == digest:
        return Status(transaction.status)
    if transaction.current_status(timezone.now()) != Status.PENDING:
        raise InvalidTransaction
    return _judge(transaction, transaction.profile, message, digest)


def _of_device(transaction_id: UUID | None, device: Device) -> Transaction | None:
    if transaction_id is None:
        return None
    related = Transaction.objects.select_related(
        "client", "profile__device__version__application", "profile__server_key"
    )
    # By the copy of the device's id: it is there, too, when the profile is gone by the PIN limit.
    return related.filter(pk=transaction_id, device_id=device.device_id).first()


def _judge(transaction: Transaction, profile: Profile, message: str, digest: str) -> Status:
    content = _opened(transaction, profile, message)
    if not content["authenticated"]:
        return _end(transaction, digest, reason=Reason.NOT_ACCEPTED)
    if credential := _credential(transaction, profile, content):
        credentials.judge(transaction, profile, credential, digest)
    if not transaction.signing_data:
        return _end(transaction, digest)
    signature = content.get("signature")
    given = signature if isinstance(signature, str) and len(signature) <= signatures.MAX_SIGNATURE_CHARACTERS else ""
    is_valid = signatures.is_valid(profile, transaction.signing_data, given)
    _record_signing(transaction, given, is_valid=is_valid)
    proof = {
        "signature": given,
        "user_public_key": signatures.pem(profile),
        "signature_verified": is_valid,
    }
    return _end(transaction, digest, reason=None if is_valid else Reason.INVALID_ANSWER, **proof)


def _opened(transaction: Transaction, profile: Profile, message: str) -> dict[str, Any]:
    """Open an answer; InvalidMessage (with its event) when it is not one to this challenge."""
    try:
        content = keys.open_sealed(profile, message)
        given = content.get("token")
        if content.get("transaction_id") != str(transaction.pk) or not isinstance(content.get("authenticated"), bool):
            raise InvalidMessage
    except InvalidMessage:
        events.record(EventType.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, **_subject(transaction))
        raise
    if not isinstance(given, str) or not codes.same(given, transaction.token):
        events.record(EventType.MOBILE_AUTH_NOT_AUTHENTICATED_INVALID_TOKEN, **_subject(transaction))
        raise InvalidMessage
    return content


def _credential(transaction: Transaction, profile: Profile, content: dict[str, Any]) -> credentials.Credential | None:
    try:
        return credentials.read(content, transaction.method, profile)
    except InvalidMessage:
        events.record(EventType.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_MESSAGE, **_subject(transaction))
        raise


def _record_signing(transaction: Transaction, given: str, *, is_valid: bool) -> None:
    failed = (
        EventType.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_INVALID_SIGNATURE
        if given
        else EventType.PUSH_AUTH_TRANSACTION_SIGNING_FAILED_MISSING_SIGNATURE
    )
    events.record(EventType.PUSH_AUTH_TRANSACTION_SIGNING_SUCCEEDED if is_valid else failed, **_subject(transaction))


def _end(transaction: Transaction, digest: str, *, reason: Reason | None = None, **proof: Any) -> Status:
    status = Status.NOT_AUTHENTICATED if reason else Status.AUTHENTICATED
    closed = lifecycle.close(
        transaction,
        status,
        EventType.MOBILE_AUTH_NOT_AUTHENTICATED if reason else EventType.MOBILE_AUTH_AUTHENTICATED,
        reason=reason,
        answer={"answer_digest": digest, **proof},
    )
    if not closed:
        return _answered_meanwhile(transaction, digest)
    if status == Status.AUTHENTICATED:
        Device.objects.filter(device_id=transaction.device_id).update(last_login_at=timezone.now())
    return status


def _answered_meanwhile(transaction: Transaction, digest: str) -> Status:
    """Another answer, or the end of its life, was quicker. The same bytes sent twice at once are still one answer."""
    transaction.refresh_from_db(fields=["status", "answer_digest"])
    if transaction.answer_digest != digest:
        raise InvalidTransaction
    return Status(transaction.status)


def _subject(transaction: Transaction) -> dict[str, Any]:
    return {
        "user_id": transaction.user_id,
        "app_name": transaction.app_name,
        "transaction_id": transaction.pk,
    }
