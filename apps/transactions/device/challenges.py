"""Operations of a device on transactions: list them, fetch a challenge, and bind a scanned one to its user."""

from uuid import UUID

from django.utils import timezone

from apps.common import clock, codes, errors
from apps.common.statements import Select
from apps.enrollment import keys
from apps.enrollment import services as enrollment
from apps.enrollment.keys import MessageType
from apps.enrollment.models import Device, Profile
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import FetchFailureFacts, UserFacts
from apps.events.types import EventTypes
from apps.otp import codes as otp_codes
from apps.transactions.context import request_context
from apps.transactions.methods.otp import method as otp
from apps.transactions.methods.push import code_to_phone
from apps.transactions.methods.push.credentials import ACCEPTED_AUTHENTICATORS
from apps.transactions.models import Status, Transaction
from apps.transactions.types import Method, MobileAuthenticationType

PENDING_ON_DEVICE = Select(
    lambda device, now: (
        Transaction.objects.select_related("profile")
        .pending(now)
        .filter(profile__device=device, profile__server_key__isnull=False)
        .order_by("created_at")[:100]
    )
)


def list_pending(device_id: int) -> list[Transaction]:
    """Return the pending transactions of all profiles of a device, oldest first."""
    return PENDING_ON_DEVICE.all(device=device_id, now=timezone.now())


FETCHED_TRANSACTION = Select(
    lambda transaction_id, device, profile_id: (
        Transaction.objects.select_related("client", "profile__device__version__application", "profile__server_key")
        .filter(pk=transaction_id, profile__device=device, profile__profile_id=profile_id)
        .order_by()
    )
)


def fetch_challenge(transaction_id: UUID | None, device: Device, profile_id: str) -> str:
    """Return the sealed challenge. The profile can fetch it repeatedly while the transaction is pending.

    Raises InvalidProfile, VersionNotEnabled or InvalidTransaction, in this order.
    """
    transaction = _find_transaction(transaction_id, device, profile_id)
    profile = transaction.profile if transaction else None
    if profile is None or not profile.has_keys:
        profile = enrollment.get_profile(device, profile_id)
    enrollment.require_enabled(profile.device.version)
    if transaction is None or not transaction.is_pending(timezone.now()):
        _record_fetch_failure(transaction, profile)
        raise errors.InvalidTransaction
    return _sealed_challenge(transaction, profile)


def claim_otp(scanned: str, profile: Profile) -> str:
    """Bind a scanned transaction to this user and return its sealed challenge.

    The profile can repeat this while the transaction is pending. Raises InvalidOtp if the one-time password is invalid,
    its transaction has ended, another profile scanned it, or its type does not allow the platform of the device.
    """
    enrollment.require_enabled(profile.device.version)
    transaction = None if profile.locked_at else _find_by_otp(scanned)
    if transaction is None or not _is_allowed(transaction, profile) or not _bind(transaction, profile):
        failed_access.record(EventTypes.OTP_AUTH_NOT_AUTHENTICATED_INVALID_OTP, UserFacts(user_id=profile.user_id))
        raise errors.InvalidOtp
    return _sealed_challenge(transaction, profile)


def _find_by_otp(scanned: str) -> Transaction | None:
    """Return the pending transaction of a one-time password, or None."""
    unpacked = otp_codes.unpack(scanned)
    if unpacked is None:
        return None
    transaction_id, secret = unpacked
    pending = Transaction.objects.select_related("client").pending(timezone.now())
    transaction = pending.filter(pk=transaction_id, method=Method.OTP).first()
    # Compared in any case, so that the response time does not reveal whether the transaction exists.
    is_valid = codes.matches(secret, otp.PURPOSE, [transaction.code_hash if transaction else ""])
    return transaction if is_valid else None


def _is_allowed(transaction: Transaction, profile: Profile) -> bool:
    """Return True if the type of a transaction allows the platform of the device. A removed type allows none."""
    mobile_type = MobileAuthenticationType.objects.filter(name=transaction.type_name).first()
    return mobile_type is not None and mobile_type.allows(profile.device.version.platform)


def _bind(transaction: Transaction, profile: Profile) -> bool:
    """Bind a transaction to the first profile that scans it. Return True if it is bound to this profile."""
    unbound = Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk, profile=None, user_id="")
    bound = unbound.update(
        profile=profile,
        user_id=profile.user_id,
        device_id=profile.device.device_id,
        device_platform=profile.device.version.platform,
        app_name=profile.device.version.application.name,
    )
    transaction.refresh_from_db(fields=["profile", "user_id", "device_id", "device_platform", "app_name"])
    return bool(bound) or transaction.profile_id == profile.pk


def _sealed_challenge(transaction: Transaction, profile: Profile) -> str:
    if transaction.awaits_context:
        request_context.ensure_complete(transaction)
    events.record(EventTypes.MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED, transaction.facts)
    # The challenge has the number of digits, never the verification number itself.
    digits = len(str(transaction.verification_number))
    matching = {"number_matching_digits": digits} if digits else {}
    signing = {"signing_data": transaction.signing_data} if transaction.signing_data else {}
    code_type = {"code_to_phone": True} if transaction.code_to_phone else {}
    return keys.seal(
        profile,
        MessageType.CHALLENGE,
        {
            "transaction_id": str(transaction.pk),
            "message": request_context.base_message(transaction),
            "timestamp": clock.milliseconds(transaction.created_at),
            "time_to_live": transaction.time_to_live_seconds,
            "token": transaction.token,
            "type": {
                "name": transaction.type_name,
                "method": transaction.method,
                "transaction_signing": bool(signing),
                **code_type,
            },
            **signing,
            **matching,
            **_code(transaction),
        },
    )


def _code(transaction: Transaction) -> dict[str, str]:
    """Return the code of a transaction whose method has no authenticator. A locked user gets no code."""
    if not transaction.code_to_phone or transaction.method in ACCEPTED_AUTHENTICATORS:
        return {}
    return {"code": code_to_phone.release(transaction)} if code_to_phone.is_device_usable(transaction) else {}


def _find_transaction(transaction_id: UUID | None, device: Device, profile_id: str) -> Transaction | None:
    if transaction_id is None:
        return None
    return FETCHED_TRANSACTION.first(transaction_id=transaction_id, device=device.pk, profile_id=profile_id)


def _record_fetch_failure(transaction: Transaction | None, profile: Profile) -> None:
    expired = transaction is not None and transaction.current_status(timezone.now()) == Status.EXPIRED
    events.record(
        EventTypes.MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED
        if expired
        else EventTypes.MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION,
        FetchFailureFacts(user_id=profile.user_id, transaction_id=transaction.pk if transaction else None),
    )
