"""Passkeys as second factors of staff accounts: what is asked of a browser, and what it may answer (WebAuthn)."""

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_otp.models import Device
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.models import WebAuthnCredential
from webauthn.helpers.exceptions import WebAuthnException

from apps.events.types import EventType
from apps.staff.second_factor import PASSKEY, record, record_failure

NAME_LENGTH = 64
# Where a session keeps what it was asked; each is taken out before its answer is looked at.
REGISTRATION, AUTHENTICATION = "passkey_registration", "passkey_authentication"


class PasskeyRefused(Exception):
    """What a browser sent is no valid answer to what it was asked."""


def begin_registration(request: HttpRequest) -> dict[str, Any]:
    options, request.session[REGISTRATION] = WebAuthnHelper(request).register_begin(user=request.user)
    return dict(options)


def complete_registration(request: HttpRequest, user: User, name: str, answer: dict[str, Any]) -> Device:
    """Keep a new passkey. PasskeyRefused when the browser's answer is not the one to the last begin."""
    state = request.session.pop(REGISTRATION, None)
    if state is None:
        raise PasskeyRefused
    try:
        with transaction.atomic():
            passkey = WebAuthnHelper(request).register_complete(user=user, state=state, data=answer)
            passkey.name = cleaned(name)
            passkey.save(update_fields=["name"])
            record(EventType.ADMIN_SECOND_FACTOR_CREATED, user, kind=PASSKEY, object=passkey.name)
    except (WebAuthnException, OTPWebAuthnApiError, IntegrityError, KeyError, TypeError, ValueError) as error:
        raise PasskeyRefused from error
    return passkey


def begin_authentication(request: HttpRequest) -> dict[str, Any]:
    helper = WebAuthnHelper(request)
    options, request.session[AUTHENTICATION] = helper.authenticate_begin(request.user, require_user_verification=False)
    return dict(options)


def complete_authentication(request: HttpRequest, user: User, answer: dict[str, Any]) -> Device:
    """Return the passkey that signed. PasskeyRefused when it is another account's or the signature is wrong."""
    state = request.session.pop(AUTHENTICATION, None)
    if state is None:
        raise PasskeyRefused
    try:
        return WebAuthnHelper(request).authenticate_complete(user=user, state=state, data=answer)
    except (WebAuthnException, OTPWebAuthnApiError, KeyError, TypeError, ValueError) as error:
        record_failure(user, kind=PASSKEY)
        raise PasskeyRefused from error


def cleaned(text: str) -> str:
    plain = "".join(character for character in text if character.isprintable()).strip()
    return plain[:NAME_LENGTH] or _("Passkey")


@transaction.atomic
def rename(user: User, key: int, name: str) -> None:
    passkey = WebAuthnCredential.objects.filter(user=user, pk=key).first()
    if passkey is not None and name.strip():
        before, passkey.name = passkey.name, cleaned(name)
        passkey.save(update_fields=["name"])
        record(EventType.ADMIN_SECOND_FACTOR_UPDATED, user, kind=PASSKEY, object=passkey.name, before=before)
