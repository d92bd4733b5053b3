"""What the device does with transactions: list, fetch the challenge, answer; bind a scanned one to its user."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.common import clock, codes
from apps.common.exceptions import InvalidMessage, InvalidOtp, InvalidTransaction
from apps.enrollment import keys
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events import services as events
from apps.events.types import EventType
from apps.otp import codes as otp_codes
from apps.transactions import lifecycle
from apps.transactions.methods import otp
from apps.transactions.models import Method, Reason, Status, Transaction


def pending(device_id: int) -> list[Transaction]:
    """Return the open transactions of all profiles of a device, oldest first."""
    return list(
        Transaction.objects.select_related("profile")
        .filter(profile__device=device_id, status=Status.PENDING, expires_at__gt=timezone.now())
        .order_by("created_at")[:100]
    )


def challenge(transaction_id: UUID | None, profile: Profile) -> str:
    """Return the sealed challenge; the same profile may fetch it again while the transaction is pending."""
    enrollment.require_enabled(profile.device.version)
    transaction = _of_profile(transaction_id, profile)
    if transaction is None or transaction.current_status(timezone.now()) != Status.PENDING:
        _record_fetch_failure(transaction, profile)
        raise InvalidTransaction
    return _sealed(transaction, profile)


def claim_otp(text: str, profile: Profile) -> str:
    """Bind a scanned transaction to this user and return its sealed challenge; the user may repeat it while it pends.

    InvalidOtp for a wrong, ended or expired one, and for one that another profile scanned.
    """
    enrollment.require_enabled(profile.device.version)
    transaction = _of_otp(text)
    if transaction is None or not _bind(transaction, profile):
        events.record(EventType.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP, user_id=profile.user_id)
        raise InvalidOtp
    return _sealed(transaction, profile)


def _of_otp(text: str) -> Transaction | None:
    """Find the pending transaction whose one-time password this is."""
    unpacked = otp_codes.unpack(text)
    if unpacked is None:
        return None
    transaction_id, secret = unpacked
    pending = Transaction.objects.select_related("client").filter(
        pk=transaction_id, method=Method.OTP, status=Status.PENDING, expires_at__gt=timezone.now()
    )
    found = pending.first()
    # The comparison is made in any case: time does not tell whether the transaction exists.
    right = codes.matches(secret, otp.PURPOSE, [found.code_hash if found else ""])
    return found if right else None


def _bind(transaction: Transaction, profile: Profile) -> bool:
    """Give a transaction to the first profile that scans it; the row count says who was first."""
    unbound = Transaction.objects.filter(pk=transaction.pk, profile=None, user_id="", status=Status.PENDING)
    bound = unbound.update(
        profile=profile,
        user_id=profile.user_id,
        device_id=profile.device.device_id,
        app_name=profile.device.version.application.name,
    )
    transaction.refresh_from_db(fields=["profile", "user_id", "device_id", "app_name"])
    return bool(bound) or transaction.profile_id == profile.pk


def _sealed(transaction: Transaction, profile: Profile) -> str:
    events.record(EventType.MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED, **_subject(transaction))
    return keys.seal(
        profile,
        {
            "transaction_id": str(transaction.pk),
            "message": transaction.secure_message or transaction.message,
            "timestamp": clock.milliseconds(transaction.created_at),
            "time_to_live": transaction.time_to_live_seconds,
            "token": transaction.token,
            "type": {"name": transaction.type_name, "method": transaction.method, "transaction_signing": False},
        },
    )


def _of_profile(transaction_id: UUID | None, profile: Profile) -> Transaction | None:
    if transaction_id is None:
        return None
    return Transaction.objects.select_related("client").filter(pk=transaction_id, profile=profile).first()


def _record_fetch_failure(transaction: Transaction | None, profile: Profile) -> None:
    expired = transaction is not None and transaction.current_status(timezone.now()) == Status.EXPIRED
    events.record(
        EventType.MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED
        if expired
        else EventType.MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION,
        user_id=profile.user_id,
        transaction_id=transaction.pk if transaction else None,
    )


def _subject(transaction: Transaction) -> dict[str, Any]:
    return {
        "user_id": transaction.user_id,
        "app_name": transaction.app_name,
        "transaction_id": transaction.pk,
    }


def answer(transaction_id: UUID | None, device_id: int, message: str) -> Status:
    """Judge a sealed answer of this device and end the transaction with it.

    A byte-identical repeat of the answer that was judged gets the same status and changes nothing. InvalidMessage costs
    nothing: the transaction stays pending.
    """
    transaction = _of_device(transaction_id, device_id)
    if transaction is None or transaction.profile is None:
        raise InvalidTransaction
    enrollment.require_enabled(transaction.profile.device.version)
    digest = sha256(message.encode(errors="surrogatepass")).hexdigest()
    if transaction.answer_digest == digest:
        return Status(transaction.status)
    if transaction.current_status(timezone.now()) != Status.PENDING:
        raise InvalidTransaction
    accepted = _accepted(transaction, transaction.profile, message)
    status = Status.AUTHENTICATED if accepted else Status.NOT_AUTHENTICATED
    closed = lifecycle.close(
        transaction,
        status,
        EventType.MOBILE_AUTH_AUTHENTICATED if accepted else EventType.MOBILE_AUTH_NOT_AUTHENTICATED,
        reason=None if accepted else Reason.NOT_ACCEPTED,
        answer_digest=digest,
    )
    return status if closed else _answered_meanwhile(transaction, digest)


def _of_device(transaction_id: UUID | None, device_id: int) -> Transaction | None:
    if transaction_id is None:
        return None
    related = Transaction.objects.select_related("client", "profile__device__version", "profile__server_key")
    return related.filter(pk=transaction_id, profile__device=device_id).first()


def _accepted(transaction: Transaction, profile: Profile, message: str) -> bool:
    """Open an answer and say whether the user agrees; InvalidMessage (with its event) when it is not a right answer."""
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
    return bool(content["authenticated"])


def _answered_meanwhile(transaction: Transaction, digest: str) -> Status:
    """Another answer, or the end of its life, was quicker. The same bytes sent twice at once are still one answer."""
    transaction.refresh_from_db(fields=["status", "answer_digest"])
    if transaction.answer_digest != digest:
        raise InvalidTransaction
    return Status(transaction.status)
