"""Passkeys as second factors of staff accounts: registration and authentication with WebAuthn."""

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

from apps.events import services as events
from apps.events.facts import RenamedFactorFacts, SecondFactorFacts
from apps.events.types import EventTypes
from apps.staff.second_factor import PASSKEY, record_failure

NAME_LENGTH = 64
# Session keys of the challenges. A challenge is removed before its response is verified.
REGISTRATION_STATE, AUTHENTICATION_STATE = "passkey_registration", "passkey_authentication"


class PasskeyError(Exception):
    """The browser's response to the challenge is not valid."""


def begin_registration(request: HttpRequest) -> dict[str, Any]:
    options, request.session[REGISTRATION_STATE] = WebAuthnHelper(request).register_begin(user=request.user)
    return dict(options)


def complete_registration(request: HttpRequest, user: User, name: str, credential: dict[str, Any]) -> Device:
    """Store a new passkey. Raises PasskeyError if the credential does not match the last challenge."""
    state = request.session.pop(REGISTRATION_STATE, None)
    if state is None:
        raise PasskeyError
    try:
        with transaction.atomic():
            passkey = WebAuthnHelper(request).register_complete(user=user, state=state, data=credential)
            passkey.name = clean_name(name)
            passkey.save(update_fields=["name"])
            facts = SecondFactorFacts(who=user.get_username(), object=passkey.name, kind=PASSKEY)
            events.record(EventTypes.ADMIN_SECOND_FACTOR_CREATED, facts)
    except (WebAuthnException, OTPWebAuthnApiError, IntegrityError, KeyError, TypeError, ValueError) as error:
        raise PasskeyError from error
    return passkey


def begin_authentication(request: HttpRequest) -> dict[str, Any]:
    helper = WebAuthnHelper(request)
    options, request.session[AUTHENTICATION_STATE] = helper.authenticate_begin(
        request.user, require_user_verification=False
    )
    return dict(options)


def complete_authentication(request: HttpRequest, user: User, credential: dict[str, Any]) -> Device:
    """Return the passkey that signed. Raises PasskeyError for another account's passkey or a wrong signature."""
    state = request.session.pop(AUTHENTICATION_STATE, None)
    if state is None:
        raise PasskeyError
    try:
        return WebAuthnHelper(request).authenticate_complete(user=user, state=state, data=credential)
    except (WebAuthnException, OTPWebAuthnApiError, KeyError, TypeError, ValueError) as error:
        record_failure(user, PASSKEY)
        raise PasskeyError from error


def clean_name(name: str) -> str:
    printable = "".join(character for character in name if character.isprintable()).strip()
    return printable[:NAME_LENGTH] or _("Passkey")


@transaction.atomic
def rename(user: User, key: int, name: str) -> None:
    passkey = WebAuthnCredential.objects.filter(user=user, pk=key).first()
    if passkey is not None and name.strip():
        before, passkey.name = passkey.name, clean_name(name)
        passkey.save(update_fields=["name"])
        facts = RenamedFactorFacts(who=user.get_username(), object=passkey.name, kind=PASSKEY, before=before)
        events.record(EventTypes.ADMIN_SECOND_FACTOR_UPDATED, facts)
