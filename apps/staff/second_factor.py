"""Second factors of staff accounts: an authenticator app, passkeys, and recovery codes as a backup."""

import base64
import secrets
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django_otp.models import Device
from django_otp_webauthn.models import WebAuthnCredential

from apps.common import codes
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import FailedFactorFacts, ObjectFacts, RecoveryCodeFacts, SecondFactorFacts
from apps.events.types import EventType, EventTypes
from apps.staff import accounts
from apps.staff.models import RECOVERY_PURPOSE, AuthenticatorApp, RecoveryCode, RecoveryCodes

SECRET_BYTES = 20
RECOVERY_CODE_COUNT = 10
# Longer codes are recovery codes.
TOTP_MAX_LENGTH = 8
APP, PASSKEY = "authenticator app", "passkey"


def is_enrolled(user: User) -> bool:
    """Return True if the account has an authenticator app or a passkey. Recovery codes alone do not count."""
    return get_app(user) is not None or WebAuthnCredential.objects.filter(user=user).exists()


def is_required(user: User) -> bool:
    """Return True if the account has a second factor that was not verified in this session."""
    return not cast(Any, user).is_verified() and is_enrolled(user)


def get_app(user: User) -> AuthenticatorApp | None:
    app: AuthenticatorApp | None = AuthenticatorApp.objects.filter(user=user, confirmed=True).first()
    return app


def get_passkeys(user: User) -> list[Any]:
    return list(WebAuthnCredential.objects.filter(user=user).order_by("created_at"))


def remaining_codes(user: User) -> int:
    return RecoveryCode.objects.filter(codes__user=user).count()


def pending_app(user: User) -> AuthenticatorApp:
    """Return the app that is being set up. It stays the same until it is confirmed, so the page can be reloaded."""
    pending: AuthenticatorApp | None = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    if pending is None:
        secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
        pending = AuthenticatorApp.objects.create(user=user, name=APP, confirmed=False, secret=secret)
    return pending


def provisioning_uri(app: AuthenticatorApp) -> str:
    """Return the otpauth URI for the QR code."""
    issuer = settings.OTP_WEBAUTHN_RP_NAME
    label = quote(f"{issuer}:{app.user.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': app.secret, 'issuer': issuer})}"


@transaction.atomic
def confirm_app(user: User, code: str) -> AuthenticatorApp | None:
    """Activate the pending app, which replaces the current one. Return None if the code is wrong."""
    pending_apps = AuthenticatorApp.objects.select_for_update().filter(user=user, confirmed=False)
    pending: AuthenticatorApp | None = pending_apps.first()
    if pending is None or not pending.verify_token(code):
        return None
    AuthenticatorApp.objects.filter(user=user, confirmed=True).delete()
    pending.confirmed = True
    pending.save(update_fields=["confirmed"])
    _record(EventTypes.ADMIN_SECOND_FACTOR_CREATED, user, APP)
    return pending


def remove_app(user: User) -> None:
    with transaction.atomic():
        _count, by_model = AuthenticatorApp.objects.filter(user=user, confirmed=True).delete()
        if by_model:
            _record(EventTypes.ADMIN_SECOND_FACTOR_DELETED, user, APP)
            _delete_unneeded_codes(user)


def remove_passkey(user: User, key: int) -> None:
    with transaction.atomic():
        passkey = WebAuthnCredential.objects.filter(user=user, pk=key).first()
        if passkey is not None:
            passkey.delete()
            facts = SecondFactorFacts(who=user.get_username(), object=passkey.name, kind=PASSKEY)
            events.record(EventTypes.ADMIN_SECOND_FACTOR_DELETED, facts)
            _delete_unneeded_codes(user)


def _delete_unneeded_codes(user: User) -> None:
    if not is_enrolled(user):
        RecoveryCodes.objects.filter(user=user).delete()


@transaction.atomic
def generate_recovery_codes(user: User) -> list[str]:
    """Generate new recovery codes and return them, to be shown once. Older codes become invalid."""
    RecoveryCodes.objects.filter(user=user).delete()
    device = RecoveryCodes.objects.create(user=user, name=RECOVERY_PURPOSE)
    plain_codes = [secrets.token_hex(8) for _number in range(RECOVERY_CODE_COUNT)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(codes=device, code_hash=codes.keyed_hash(code, RECOVERY_PURPOSE)) for code in plain_codes
    )
    events.record(EventTypes.ADMIN_RECOVERY_CODES_CREATED, facts_of(user))
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in plain_codes]


def _device_for(user: User, code: str) -> Device | None:
    """Return the device for a code of this length, locked until the database transaction ends."""
    model = AuthenticatorApp if len(code) <= TOTP_MAX_LENGTH else RecoveryCodes
    return model.objects.select_for_update().filter(user=user, confirmed=True).first()


@transaction.atomic
def verify_code(user: User, text: str) -> Device | None:
    """Return the device of the code, or None if the code is wrong or throttled."""
    code = "".join(text.split())
    device = _device_for(user, code)
    if device is None or not device.verify_token(code):
        record_failure(user)
        return None
    if isinstance(device, RecoveryCodes):
        facts = RecoveryCodeFacts(**facts_of(user), left=remaining_codes(user))
        events.record(EventTypes.ADMIN_RECOVERY_CODE_USED, facts)
    return device


@transaction.atomic
def throttled_until(user: User, text: str) -> datetime | None:
    """Return the end of the throttling after wrong codes, or None if the code can be verified."""
    device = _device_for(user, "".join(text.split()))
    _allowed, restriction = device.verify_is_allowed() if device else (True, None)
    return restriction["locked_until"] if restriction else None


def reset(user: User, *, who: str) -> None:
    """Remove all second factors of an account and end its sessions."""
    with transaction.atomic():
        for model in (AuthenticatorApp, RecoveryCodes, WebAuthnCredential):
            model.objects.filter(user=user).delete()
        accounts.end_sessions(user)
        facts = SecondFactorFacts(who=who, object=user.get_username(), kind="all")
        events.record(EventTypes.ADMIN_SECOND_FACTOR_DELETED, facts)


def _record(event_type: EventType[SecondFactorFacts], user: User, kind: str) -> None:
    events.record(event_type, SecondFactorFacts(**facts_of(user), kind=kind))


def record_failure(user: User, kind: str = "") -> None:
    facts = FailedFactorFacts(who=user.get_username(), object=user.get_username())
    if kind:
        facts["kind"] = kind
    failed_access.record(EventTypes.ADMIN_SECOND_FACTOR_FAILED, facts)


def facts_of(user: User) -> ObjectFacts:
    """Return the facts of an action of an account on itself."""
    return ObjectFacts(who=user.get_username(), object=user.get_username())
