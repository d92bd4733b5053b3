"""PIN, fingerprint and the apps' own authenticators: the device unlocks a token, the server keeps its hash.

Whoever judges a token locks the profile's row first, so that many guesses at once are counted one after the other.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.common import codes, errors
from apps.enrollment import services
from apps.enrollment.models import Authenticator, AuthenticatorType, Profile, UsedNonce
from apps.enrollment.openpgp import keys
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system

TOKEN_PURPOSE = "authenticator token"
MAX_CLOCK_SKEW = timedelta(minutes=5)
MICROSECOND = timedelta(microseconds=1)
NONCE_LIFETIME = 2 * MAX_CLOCK_SKEW
NONCE_CHARACTERS = range(8, 129)


def enabled_types(profile: Profile) -> set[str]:
    """Return the kinds of authenticators that the profile's application has on."""
    application = profile.device.version.application
    enabled = {
        AuthenticatorType.PIN: application.pin_enabled,
        AuthenticatorType.FINGERPRINT: application.fingerprint_enabled,
        AuthenticatorType.CUSTOM: bool(application.custom_authenticators) and system.features().custom_authenticators,
    }
    return {kind.value for kind, is_on in enabled.items() if is_on}


def can_satisfy(profile: Profile, kinds: Sequence[str]) -> bool:
    """Say whether the user can be asked for one of these: the first must be on, and one of them registered."""
    custom_ids = profile.device.version.application.custom_authenticators
    return kinds[0] in enabled_types(profile) and any(
        authenticator.type in kinds
        for authenticator in profile.authenticators.all()
        if authenticator.type != AuthenticatorType.CUSTOM or authenticator.authenticator_id in custom_ids
    )


@dataclass(frozen=True)
class PinCheck:
    """What a PIN token came to. A wrong one is a result and no exception, which would take the count back."""

    is_valid: bool
    is_disconnected: bool = False
    used_attempts: int = 0
    max_attempts: int = 0

    def error(self) -> errors.ApiError:
        return (
            errors.Disconnected() if self.is_disconnected else errors.InvalidPin(self.used_attempts, self.max_attempts)
        )


def lock(profile: Profile) -> None:
    """Lock the profile row and read its count of wrong PINs. Needs a transaction.

    Raises Disconnected if the profile or its keys were removed since it was read.
    """
    enrolled = Profile.objects.select_for_update().filter(pk=profile.pk, server_key__isnull=False)
    rows = list(enrolled.values_list("wrong_pins", flat=True))
    if not rows:
        raise errors.Disconnected
    profile.wrong_pins = rows[0]


def verify_pin(profile: Profile, token: str, **event_fields: Any) -> PinCheck:
    """Look at a PIN token and count it when it is wrong. Needs a transaction in which the profile is locked.

    The wrong one that makes the count equal to the application's limit disconnects the user from the device.
    `about` are members for the event of the limit: the authentication that the token came with.
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
        _disconnect(profile, **event_fields)
    return PinCheck(False, is_disconnected, profile.wrong_pins, limit)  # noqa: FBT003 - the first field


def verify_token(profile: Profile, kind: str, authenticator_id: str, token: str, **event_fields: Any) -> bool:
    """Look at the token of a fingerprint or a custom authenticator; a wrong one revokes it. Needs the lock.

    `about` as for `judge_pin`.
    """
    if _matches(profile, kind, authenticator_id, token):
        return True
    revoke(profile, kind, authenticator_id, LIMIT_EVENTS[kind], **event_fields)
    return False


LIMIT_EVENTS: dict[str, EventType] = {
    AuthenticatorType.FINGERPRINT: EventType.PUSH_AUTH_VALIDATION_FINGER_PRINT_LIMIT_EXCEEDED,
    AuthenticatorType.CUSTOM: EventType.PUSH_AUTH_VALIDATION_CUSTOM_AUTHENTICATOR_LIMIT_EXCEEDED,
}


def _matches(profile: Profile, kind: str, authenticator_id: str, token: str) -> bool:
    stored = Authenticator.objects.filter(profile=profile, type=kind, authenticator_id=authenticator_id)
    hashes = list(stored.values_list("token_hash", flat=True))
    is_valid = codes.matches(token, TOKEN_PURPOSE, hashes)
    if is_valid and any(map(codes.needs_rehash, hashes)):
        # Only the device has the token: this is when its hash can move to the newest key.
        stored.update(token_hash=codes.keyed_hash(token, TOKEN_PURPOSE))
    return is_valid


def _disconnect(profile: Profile, **event_fields: Any) -> None:
    events.record(EventType.PUSH_AUTH_VALIDATION_PIN_LIMIT_EXCEEDED, **_event_fields(profile), **event_fields)
    services.unenroll(profile)


def revoke(
    profile: Profile,
    kind: str,
    authenticator_id: str = "",
    event_type: EventType = EventType.AUTHENTICATOR_REVOKED,
    **actor: Any,
) -> bool:
    """Remove an authenticator; False when it is not there. `by` are facts for the event: who wanted it."""
    stored = Authenticator.objects.filter(profile=profile, type=kind, authenticator_id=authenticator_id)
    with transaction.atomic():
        if not stored.delete()[0]:
            return False
        events.record(
            event_type, **_event_fields(profile), authenticator=kind, authenticator_id=authenticator_id, **actor
        )
    return True


def _event_fields(profile: Profile) -> dict[str, Any]:
    return {
        "user_id": profile.user_id,
        "app_name": profile.device.version.application.name,
        "device_id": profile.device.device_id,
    }


@dataclass(frozen=True)
class Registration:
    """What a device wants to register; `pin_token` is the current one, absent for a first PIN."""

    type: str
    nonce: str
    issued_at: datetime
    authenticator_id: str = ""
    pin_token: str | None = None


def register(profile: Profile, message: str) -> str:
    """Register or replace an authenticator and return its token, sealed.

    InvalidMessage (free: malformed, too old, sent before, the current PIN token missing), AuthenticatorNotEnabled,
    InvalidPin (counted), Disconnected.
    """
    services.require_enabled(profile.device.version)
    registration = _parse_registration(keys.open_sealed(profile, message))
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
    return keys.seal(profile, {"token": token})


def _parse_registration(content: dict[str, Any]) -> Registration:
    """Read the members of a message; InvalidMessage when one is missing or malformed."""
    kind, nonce, issued_at = content.get("type"), content.get("nonce"), content.get("issued_at")
    authenticator_id, pin_token = content.get("authenticator_id"), content.get("pin_token")
    is_custom = kind == AuthenticatorType.CUSTOM
    well_formed = (
        kind in AuthenticatorType.values
        and isinstance(nonce, str)
        and len(nonce) in NONCE_CHARACTERS
        and isinstance(issued_at, int)
        # As whole numbers: a client may send one that no float can hold.
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
    """Let a message in once; ask for the current PIN token, but for a first PIN."""
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
        EventType.AUTHENTICATOR_REGISTERED,
        **_event_fields(profile),
        authenticator=registration.type,
        authenticator_id=registration.authenticator_id,
    )
