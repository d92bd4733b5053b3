"""The second factors of staff accounts: an authenticator app, passkeys, and recovery codes for when both are lost."""

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
from apps.events.types import EventType
from apps.staff import accounts
from apps.staff.models import RECOVERY_PURPOSE, AuthenticatorApp, RecoveryCode, RecoveryCodes

SECRET_BYTES = 20
NUMBER_OF_CODES = 10
# An app shows six digits; a recovery code is longer.
LONGEST_CODE = 8
APP, PASSKEY = "authenticator app", "passkey"


def exists(user: User) -> bool:
    """Say whether an account has a second factor. Recovery codes alone are none."""
    return app_of(user) is not None or WebAuthnCredential.objects.filter(user=user).exists()


def is_asked_for(user: User) -> bool:
    """Say whether whoever is signed in with this account still has to show its second factor in this session."""
    return not cast(Any, user).is_verified() and exists(user)


def app_of(user: User) -> AuthenticatorApp | None:
    app: AuthenticatorApp | None = AuthenticatorApp.objects.filter(user=user, confirmed=True).first()
    return app


def passkeys_of(user: User) -> list[Any]:
    return list(WebAuthnCredential.objects.filter(user=user).order_by("created_at"))


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(codes__user=user).count()


def draft_app(user: User) -> AuthenticatorApp:
    """Return the app that is being set up: the same until it is confirmed, so that a page can be loaded again."""
    draft: AuthenticatorApp | None = AuthenticatorApp.objects.filter(user=user, confirmed=False).first()
    if draft is None:
        secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
        draft = AuthenticatorApp.objects.create(user=user, name=APP, confirmed=False, secret=secret)
    return draft


def app_address(app: AuthenticatorApp) -> str:
    """Return what the QR code holds: the key URI that authenticator apps read."""
    issuer = settings.OTP_WEBAUTHN_RP_NAME
    label = quote(f"{issuer}:{app.user.get_username()}")
    return f"otpauth://totp/{label}?{urlencode({'secret': app.secret, 'issuer': issuer})}"


@transaction.atomic
def confirm_app(user: User, code: str) -> AuthenticatorApp | None:
    """Take the drafted app into use if this is one of its codes; None if not. It replaces the one before it."""
    drafts = AuthenticatorApp.objects.select_for_update().filter(user=user, confirmed=False)
    draft: AuthenticatorApp | None = drafts.first()
    if draft is None or not draft.verify_token(code):
        return None
    AuthenticatorApp.objects.filter(user=user, confirmed=True).delete()
    draft.confirmed = True
    draft.save(update_fields=["confirmed"])
    record(EventType.ADMIN_SECOND_FACTOR_CREATED, user, kind=APP)
    return draft


def remove_app(user: User) -> None:
    with transaction.atomic():
        _count, by_model = AuthenticatorApp.objects.filter(user=user, confirmed=True).delete()
        if by_model:
            record(EventType.ADMIN_SECOND_FACTOR_DELETED, user, kind=APP)
            _drop_useless_codes(user)


def remove_passkey(user: User, key: int) -> None:
    with transaction.atomic():
        passkey = WebAuthnCredential.objects.filter(user=user, pk=key).first()
        if passkey is not None:
            passkey.delete()
            record(EventType.ADMIN_SECOND_FACTOR_DELETED, user, kind=PASSKEY, object=passkey.name)
            _drop_useless_codes(user)


def _drop_useless_codes(user: User) -> None:
    if not exists(user):
        RecoveryCodes.objects.filter(user=user).delete()


@transaction.atomic
def make_codes(user: User) -> list[str]:
    """Make new recovery codes and return them, to be shown once; those before them are good no more."""
    RecoveryCodes.objects.filter(user=user).delete()
    device = RecoveryCodes.objects.create(user=user, name=RECOVERY_PURPOSE)
    made = [secrets.token_hex(8) for _number in range(NUMBER_OF_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(codes=device, code_hash=codes.keyed_hash(code, RECOVERY_PURPOSE)) for code in made
    )
    record(EventType.ADMIN_RECOVERY_CODES_CREATED, user)
    return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in made]


def _device_for(user: User, code: str) -> Device | None:
    """Return the device that a code would belong to, by the code's looks, locked until the transaction ends."""
    model = AuthenticatorApp if len(code) <= LONGEST_CODE else RecoveryCodes
    return model.objects.select_for_update().filter(user=user, confirmed=True).first()


@transaction.atomic
def verify_code(user: User, text: str) -> Device | None:
    """Return the device whose code this is; None when it is wrong or comes too soon after a wrong one."""
    code = "".join(text.split())
    device = _device_for(user, code)
    if device is None or not device.verify_token(code):
        record_failure(user)
        return None
    if isinstance(device, RecoveryCodes):
        record(EventType.ADMIN_RECOVERY_CODE_USED, user, left=codes_left(user))
    return device


@transaction.atomic
def refused_until(user: User, text: str) -> datetime | None:
    """Return until when such a code is not looked at, because wrong ones came too fast; None when it would be."""
    device = _device_for(user, "".join(text.split()))
    _allowed, why = device.verify_is_allowed() if device else (True, None)
    return why["locked_until"] if why else None


def reset(user: User, *, who: str) -> None:
    """Take every second factor away from an account, whose owner has lost them, and sign it out everywhere."""
    with transaction.atomic():
        for model in (AuthenticatorApp, RecoveryCodes, WebAuthnCredential):
            model.objects.filter(user=user).delete()
        accounts.end_sessions(user)
        events.record(EventType.ADMIN_SECOND_FACTOR_DELETED, who=who, object=user.get_username(), kind="all")


def record(event_type: EventType, user: User, **details: Any) -> None:
    events.record(event_type, **{**_subject(user), **details})


def record_failure(user: User, **details: Any) -> None:
    failed_access.record(EventType.ADMIN_SECOND_FACTOR_FAILED, **_subject(user), **details)


def _subject(user: User) -> dict[str, Any]:
    return {"who": user.get_username(), "object": user.get_username()}
