"""Credentials of approvals: the authenticators that a method accepts, and their verification."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F
from django.utils import timezone

from apps.common import errors
from apps.enrollment import authenticators
from apps.enrollment.models import AuthenticatorType, Profile
from apps.events import services as events
from apps.events.facts import AttemptFacts, CredentialFacts, attempt_limit
from apps.events.types import EventTypes
from apps.transactions import lifecycle
from apps.transactions.models import Reason, RejectedAnswer, Status, Transaction
from apps.transactions.types import Method

PIN, FINGERPRINT, CUSTOM = AuthenticatorType.PIN, AuthenticatorType.FINGERPRINT, AuthenticatorType.CUSTOM
# The method's own authenticator first. The PIN is accepted as its alternative.
ACCEPTED_AUTHENTICATORS: dict[str, tuple[AuthenticatorType, ...]] = {
    Method.PUSH_WITH_PIN: (PIN,),
    Method.PUSH_WITH_FINGERPRINT: (FINGERPRINT, PIN),
    Method.PUSH_WITH_CUSTOM_AUTHENTICATOR: (CUSTOM, PIN),
}


@dataclass(frozen=True)
class Credential:
    """Credential of an answer. Only a custom authenticator has an `authenticator_id`."""

    type: AuthenticatorType
    token: str
    authenticator_id: str = ""


def parse(content: dict[str, Any], method: str, profile: Profile) -> Credential | None:
    """Return the credential of an approval, or None if the method needs none.

    Raises InvalidMessage if it is missing or of a type that the method does not accept. The method's own authenticator
    must be enabled, as at initiation; the PIN is then accepted even if the PIN itself is disabled.
    """
    if method not in ACCEPTED_AUTHENTICATORS:
        return None
    if ACCEPTED_AUTHENTICATORS[method][0] not in authenticators.enabled_types(profile):
        raise errors.InvalidMessage
    credential = content.get("credential")
    if (
        not isinstance(credential, dict)
        or credential.get("type") not in ACCEPTED_AUTHENTICATORS[method]
        or not isinstance(credential.get("token"), str)
    ):
        raise errors.InvalidMessage
    authenticator_type = AuthenticatorType(credential["type"])
    if authenticator_type != CUSTOM:
        return Credential(authenticator_type, credential["token"])
    authenticator_id = credential.get("authenticator_id") or ""
    if authenticator_id not in profile.device.version.application.custom_authenticators:
        raise errors.InvalidMessage
    return Credential(authenticator_type, credential["token"], authenticator_id)


def previous_error(transaction: Transaction, digest: str) -> errors.ApiError | None:
    """Return the error with which this answer was rejected before, or None."""
    rejected = transaction.rejected_answers.filter(digest=digest).first()
    return _stored_error(rejected) if rejected else None


def _stored_error(rejected: RejectedAnswer) -> errors.ApiError:
    if rejected.error == errors.Disconnected.token:
        return errors.Disconnected()
    if rejected.error == errors.InvalidPin.token:
        return errors.InvalidPin(rejected.used_attempts, rejected.max_attempts)
    return errors.AuthenticatorRevoked()


def reserve_attempt(transaction: Transaction, *, expected_attempts: int | None = None) -> bool:
    """Count the attempt before its credential is verified. The caller must hold the lock of the profile.

    Return True if the transaction is pending and its attempts are still `expected_attempts`.
    """
    pending = Transaction.objects.pending(timezone.now()).filter(pk=transaction.pk)
    if expected_attempts is not None:
        pending = pending.filter(attempts_used=expected_attempts)
    return bool(pending.update(attempts_used=F("attempts_used") + 1))


def verify(transaction: Transaction, profile: Profile, credential: Credential, digest: str) -> errors.ApiError | None:
    """Verify the credential of an approval, inside a database transaction in which the profile is locked.

    Return the error of an invalid credential: an exception would roll back the attempt counter. The error is InvalidPin
    or AuthenticatorRevoked (the transaction stays pending), or Disconnected (it has ended).
    """
    if credential.type == PIN:
        return _verify_pin(transaction, profile, credential, digest)
    return _verify_token(transaction, profile, credential, digest)


def _verify_pin(
    transaction: Transaction, profile: Profile, credential: Credential, digest: str
) -> errors.ApiError | None:
    pin_check = authenticators.verify_pin(profile, credential.token, **transaction.actor)
    if pin_check.is_valid:
        return None
    error = pin_check.error()
    RejectedAnswer.objects.create(
        transaction=transaction,
        digest=digest,
        error=error.token,
        used_attempts=pin_check.used_attempts,
        max_attempts=pin_check.max_attempts,
    )
    limit = attempt_limit(pin_check.max_attempts)
    facts = AttemptFacts(**transaction.facts, **limit, attempt=pin_check.used_attempts)
    events.record(EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_PIN, facts)
    if pin_check.is_disconnected:
        lifecycle.close(
            transaction,
            Status.NOT_AUTHENTICATED,
            EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED,
            reason=Reason.INVALID_ANSWER,
            answer=lifecycle.Answer({"answer_digest": digest}),
        )
    return error


def _verify_token(
    transaction: Transaction, profile: Profile, credential: Credential, digest: str
) -> errors.ApiError | None:
    presented = (credential.type, credential.authenticator_id, credential.token)
    if authenticators.verify_token(profile, *presented, **transaction.actor):
        return None
    RejectedAnswer.objects.create(transaction=transaction, digest=digest, error=errors.AuthenticatorRevoked.token)
    events.record(
        EventTypes.PUSH_AUTH_NOT_AUTHENTICATED_INVALID_CREDENTIAL,
        CredentialFacts(**transaction.facts, authenticator=credential.type),
    )
    return errors.AuthenticatorRevoked()
