"""PIN, fingerprint and custom authenticators: the device stores a token, the server stores its keyed hash.

Verification locks the profile row first, so that concurrent attempts are counted one by one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Unpack

from django.db import transaction
from django.utils import timezone

from apps.common import codes, errors
from apps.enrollment import keys, services
from apps.enrollment.keys import MessageType
from apps.enrollment.models import Authenticator, AuthenticatorType, Profile, UsedNonce
from apps.events import services as events
from apps.events.facts import Actor, AuthenticatorActionFacts, AuthenticatorFacts, DeviceActionFacts
from apps.events.types import EventType, EventTypes
from apps.system import services as system

TOKEN_PURPOSE = "authenticator token"
MAX_CLOCK_SKEW = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
NONCE_LIFETIME = 2 * MAX_CLOCK_SKEW
NONCE_CHARACTERS = range(8, 129)


def enabled_types(profile: Profile) -> set[str]:
    """Return the authenticator types that are enabled for the profile's application."""
    application = profile.device.version.application
    enabled = {
        AuthenticatorType.PIN: application.pin_enabled,
        AuthenticatorType.FINGERPRINT: application.fingerprint_enabled,
        AuthenticatorType.CUSTOM: bool(application.custom_authenticators) and system.features().custom_authenticators,
    }
    return {kind.value for kind, is_on in enabled.items() if is_on}


def can_satisfy(profile: Profile, kinds: Sequence[str]) -> bool:
    """Return True if the user can prove an approval with one of the authenticator types.

    The first type must be enabled, and at least one of the types must be registered.
    """
    custom_ids = profile.device.version.application.custom_authenticators
    return kinds[0] in enabled_types(profile) and any(
        authenticator.type in kinds
        for authenticator in profile.authenticators.all()
        if authenticator.type != AuthenticatorType.CUSTOM or authenticator.authenticator_id in custom_ids
    )


@dataclass(frozen=True)
class PinCheck:
    """Result of a PIN verification.

    An invalid PIN is returned, not raised: an exception would roll back the attempt counter.
    """

    is_valid: bool
    is_disconnected: bool = False
    used_attempts: int = 0
    max_attempts: int = 0

    def error(self) -> errors.ApiError:
        return (
            errors.Disconnected() if self.is_disconnected else errors.InvalidPin(self.used_attempts, self.max_attempts)
        )


def lock(profile: Profile) -> None:
    """Lock the profile row and refresh its counter of wrong PINs. Requires a transaction.

    Raises Disconnected if the profile or its keys were removed since it was read.
    """
    enrolled = Profile.objects.select_for_update().filter(pk=profile.pk, server_key__isnull=False)
    rows = list(enrolled.values_list("wrong_pins", flat=True))
    if not rows:
        raise errors.Disconnected
    profile.wrong_pins = rows[0]


def verify_pin(profile: Profile, token: str, **actor: Unpack[Actor]) -> PinCheck:
    """Verify a PIN token and count an invalid one. Requires a transaction that has locked the profile.

    If the counter reaches the application's limit, the user is disconnected from the device. The event of the limit
    gets `actor`, which identifies the transaction.
    """
    limit = profile.device.version.application.max_pin_attempts
    if _matches(profile, AuthenticatorType.PIN, "", token):
        if profile.wrong_pins:
            Profile.objects.filter(pk=profile.pk).update(wrong_pins=0)
        return PinCheck(is_valid=True)
    profile.wrong_pins += 1
    Profile.objects.filter(pk=profile.pk).update(wrong_pins=profile.wrong_pins)
    is_disconnected = 0 < limit <= profile.wrong_pins
    if is_disconnected:
        _disconnect(profile, **actor)
    return PinCheck(False, is_disconnected, profile.wrong_pins, limit)  # noqa: FBT003 - first field


def verify_token(profile: Profile, kind: str, authenticator_id: str, token: str, **actor: Unpack[Actor]) -> bool:
    """Return True if the token of a fingerprint or custom authenticator is valid; revoke the authenticator otherwise.

    Requires a transaction that has locked the profile. `actor` is used as in `verify_pin`.
    """
    if _matches(profile, kind, authenticator_id, token):
        return True
    revoke(profile, kind, authenticator_id, LIMIT_EVENTS[kind], **actor)
    return False


LIMIT_EVENTS: dict[str, EventType[AuthenticatorActionFacts]] = {
    AuthenticatorType.FINGERPRINT: EventTypes.PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED,
    AuthenticatorType.CUSTOM: EventTypes.PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED,
}


def _matches(profile: Profile, kind: str, authenticator_id: str, token: str) -> bool:
    stored = Authenticator.objects.filter(profile=profile, type=kind, authenticator_id=authenticator_id)
    hashes = list(stored.values_list("token_hash", flat=True))
    is_valid = codes.matches(token, TOKEN_PURPOSE, hashes)
    if is_valid and any(map(codes.needs_rehash, hashes)):
        # Only the device stores the token, so its hash can be renewed only now.
        stored.update(token_hash=codes.keyed_hash(token, TOKEN_PURPOSE))
    return is_valid


def _disconnect(profile: Profile, **actor: Unpack[Actor]) -> None:
    facts = DeviceActionFacts(**profile.facts, **actor)
    events.record(EventTypes.PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED, facts)
    services.unenroll(profile)


def revoke(
    profile: Profile,
    kind: str,
    authenticator_id: str = "",
    event_type: EventType[AuthenticatorActionFacts] = EventTypes.AUTHENTICATOR_REVOKED,
    **actor: Unpack[Actor],
) -> bool:
    """Delete an authenticator. Return True if it was registered.

    `actor` identifies the actor of the event.
    """
    stored = Authenticator.objects.filter(profile=profile, type=kind, authenticator_id=authenticator_id)
    with transaction.atomic():
        if not stored.delete()[0]:
            return False
        facts = AuthenticatorActionFacts(
            **profile.facts, authenticator=kind, authenticator_id=authenticator_id, **actor
        )
        events.record(event_type, facts)
    return True


@dataclass(frozen=True)
class Registration:
    """Parsed registration request of a device. `pin_token` is the current PIN token, None for the first PIN."""

    type: str
    nonce: str
    issued_at: datetime
    authenticator_id: str = ""
    pin_token: str | None = None


def register(profile: Profile, message: str) -> str:
    """Register or replace an authenticator and return its token in a sealed message.

    Raises InvalidMessage if the message is malformed, outdated or repeated, or lacks the current PIN token; this is
    not counted. Raises AuthenticatorNotEnabled if the type is disabled, InvalidPin (counted) and Disconnected.
    """
    services.require_enabled(profile.device.version)
    registration = _parse_registration(keys.open_sealed(profile, MessageType.REGISTRATION, message))
    if registration.type not in enabled_types(profile):
        raise errors.AuthenticatorNotEnabled
    if (
        registration.authenticator_id
        and registration.authenticator_id not in profile.device.version.application.custom_authenticators
    ):
        raise errors.InvalidMessage
    token = codes.random_token()
    with transaction.atomic():
        lock(profile)
        check = _authorize(profile, registration)
        if check.is_valid:
            _store(profile, registration, token)
    if not check.is_valid:
        raise check.error()
    return keys.seal(profile, MessageType.TOKEN, {"token": token})


def _parse_registration(content: dict[str, Any]) -> Registration:
    """Parse the members of a message. Raises InvalidMessage if one is missing or malformed."""
    kind, nonce, issued_at = content.get("type"), content.get("nonce"), content.get("issued_at")
    authenticator_id, pin_token = content.get("authenticator_id"), content.get("pin_token")
    is_custom = kind == AuthenticatorType.CUSTOM
    well_formed = (
        kind in AuthenticatorType.values
        and isinstance(nonce, str)
        and len(nonce) in NONCE_CHARACTERS
        and isinstance(issued_at, int)
        # Integer arithmetic, because a client can send a number that is too large for a float.
        and abs(issued_at * 1000 - int(timezone.now().timestamp() * 1_000_000)) <= MAX_CLOCK_SKEW // MICROSECOND
        and isinstance(authenticator_id, str if is_custom else str | None)
        and bool(authenticator_id) == is_custom
        and isinstance(pin_token, str | None)
    )
    if not well_formed:
        raise errors.InvalidMessage
    issued = datetime.fromtimestamp(issued_at / 1000, UTC)  # type: ignore[operator]
    return Registration(str(kind), str(nonce), issued, authenticator_id or "", pin_token)


def _authorize(profile: Profile, registration: Registration) -> PinCheck:
    """Consume the nonce and verify the current PIN token, which only the first PIN does not require."""
    _consume_nonce(profile, registration.nonce)
    has_pin = Authenticator.objects.filter(profile=profile, type=AuthenticatorType.PIN).exists()
    if registration.type == AuthenticatorType.PIN and not has_pin:
        return PinCheck(is_valid=True)
    if registration.pin_token is None or not has_pin:
        raise errors.InvalidMessage
    return verify_pin(profile, registration.pin_token)


def _consume_nonce(profile: Profile, nonce: str) -> None:
    now = timezone.now()
    UsedNonce.objects.filter(profile=profile, expires_at__lt=now).delete()
    digest = hashlib.sha256(nonce.encode(errors="surrogatepass")).hexdigest()
    _row, is_new = UsedNonce.objects.get_or_create(
        profile=profile, nonce_hash=digest, defaults={"expires_at": now + NONCE_LIFETIME}
    )
    if not is_new:
        raise errors.InvalidMessage


def _store(profile: Profile, registration: Registration, token: str) -> None:
    Authenticator.objects.update_or_create(
        profile=profile,
        type=registration.type,
        authenticator_id=registration.authenticator_id,
        defaults={"token_hash": codes.keyed_hash(token, TOKEN_PURPOSE), "registered_at": timezone.now()},
    )
    events.record(
        EventTypes.AUTHENTICATOR_REGISTERED,
        AuthenticatorFacts(
            **profile.facts, authenticator=registration.type, authenticator_id=registration.authenticator_id
        ),
    )
