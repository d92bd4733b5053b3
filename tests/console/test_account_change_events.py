"""Atomicity of staff account changes and their events."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.urls import reverse
from django_otp_webauthn.models import WebAuthnCredential

from apps.common import statements
from apps.events.models import Event
from apps.staff import accounts, lockout, passkeys

OWN, NEW = "a password of Olga's own", "another one of these days"


class ProcessKilled(Exception):
    """The process is killed."""


@pytest.fixture
def nora(db):
    user = User.objects.create_user("nora", password="a password of Nora's own", is_staff=True)
    WebAuthnCredential.objects.create(user=user, name="Blue key", transports=[])
    AccessAttempt.objects.create(username=lockout.hash_username("nora"), failures_since_start=50)
    return user


def set_password_of_nora(console, nora):
    path = reverse("admin:auth_user_password_change", args=[nora.pk])
    console.post(path, {"password1": NEW, "password2": NEW, "usable_password": "true"})


def change_own_password(console, nora):
    passwords = {"old_password": OWN, "new_password1": NEW, "new_password2": NEW}
    console.post(reverse("admin:password_change"), passwords)


def unlock_by_command(console, nora):
    call_command("unlock_staff", "nora")


def rename_passkey(console, nora):
    passkeys.rename(nora, WebAuthnCredential.objects.get().pk, "Red key")


def stored():
    return (
        list(User.objects.order_by("pk").values_list("username", "password")),
        list(WebAuthnCredential.objects.values_list("name", flat=True)),
        AccessAttempt.objects.count(),
    )


@pytest.mark.parametrize("change", [set_password_of_nora, change_own_password, unlock_by_command, rename_passkey])
def test_account_change_is_atomic_with_its_event(console, nora, change, monkeypatch):
    def kill(*rows):
        raise ProcessKilled

    before, event_count = stored(), Event.objects.count()
    with monkeypatch.context() as killed_process:
        killed_process.setattr(statements, "insert", kill)
        with pytest.raises(ProcessKilled):
            change(console, nora)
    assert stored() == before
    change(console, nora)
    assert stored() != before
    assert Event.objects.count() == event_count + 1
    nora = User.objects.get(username="nora")
    assert accounts.must_change_password(nora) == (change is set_password_of_nora)
