"""Lifetime and end of sessions, session cookies, and security headers."""

import base64
import json
import os
import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.urls import reverse

from tests.console.conftest import Browser, sign_in

PASSWORD = "a password of Nora's own"
START = datetime(2030, 5, 6, 8, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def nora(db):
    return User.objects.create_superuser("nora", password=PASSWORD)


def signed_in():
    browser = Browser()
    assert sign_in(browser, "nora", PASSWORD).status_code == 302
    return browser


def is_signed_in(browser):
    response = browser.get("/admin/")
    assert response.status_code == 200 or response["Location"].startswith("/admin/login/")
    return response.status_code == 200


def test_idle_session_ends_after_30_minutes(nora, clock):
    browser = signed_in()
    clock.shift(timedelta(minutes=29))
    assert is_signed_in(browser)
    clock.shift(timedelta(minutes=29))
    assert is_signed_in(browser)
    clock.shift(timedelta(minutes=31))
    assert not is_signed_in(browser)


def test_active_session_ends_after_8_hours(nora, clock):
    browser = signed_in()
    for _quarter in range(31):
        clock.shift(timedelta(minutes=15))
        assert is_signed_in(browser)
    clock.shift(timedelta(minutes=15))
    ended = browser.get("/admin/system/features/")
    assert ended["Location"] == "/admin/login/?next=/admin/system/features/"
    assert "Sign in again to continue." in browser.get(ended["Location"]).content.decode()
    clock.shift(timedelta(seconds=1))
    assert not is_signed_in(browser)


def test_post_after_session_end_changes_nothing(nora, clock, settings):
    settings.CONSOLE_SESSION_SECONDS = 600
    browser = signed_in()
    fields = {"role": "admin", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    browser.post("/admin/auth/user/add/", {"username": "before", **fields})
    clock.shift(timedelta(seconds=600))
    browser.post("/admin/auth/user/add/", {"username": "after", **fields})
    assert set(User.objects.values_list("username", flat=True)) == {"nora", "before"}


def test_session_limits_are_settings(nora, clock, settings):
    settings.CONSOLE_SESSION_SECONDS = 600
    browser = signed_in()
    clock.shift(timedelta(seconds=599))
    assert is_signed_in(browser)
    clock.shift(timedelta(seconds=1))
    assert not is_signed_in(browser)


def test_active_session_is_saved_once_a_minute(nora, clock):
    browser = signed_in()
    browser.get("/admin/second-factor/password/")
    before = Session.objects.get().session_data
    clock.shift(timedelta(seconds=59))
    browser.get("/admin/second-factor/password/")
    assert Session.objects.get().session_data == before
    clock.shift(timedelta(seconds=1))
    browser.get("/admin/second-factor/password/")
    assert Session.objects.get().session_data != before


def test_sign_in_rotates_key_and_sets_secure_cookie(nora):
    browser = Browser()
    stolen = browser.session
    stolen.save()
    browser.cookies["sessionid"] = stolen.session_key
    response = sign_in(browser, "nora", PASSWORD)
    cookie = response.cookies["sessionid"]
    assert cookie.value != stolen.session_key
    assert not stolen.exists(stolen.session_key)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 1800


def test_session_cookie_is_not_stored(nora):
    browser = signed_in()
    cookie, [row] = browser.cookies["sessionid"].value, Session.objects.values()
    assert cookie not in str(row)
    attacker = Browser()
    attacker.cookies["sessionid"] = row["session_key"]
    assert not is_signed_in(attacker)
    assert is_signed_in(browser)


def test_session_survives_key_rotation(nora, clock, settings):
    browser = signed_in()
    settings.FIELD_ENCRYPTION_KEYS = [b"n" * 32, *settings.FIELD_ENCRYPTION_KEYS]
    clock.shift(timedelta(minutes=2))
    assert is_signed_in(browser)
    # The session was saved meanwhile.
    clock.shift(timedelta(minutes=29))
    assert is_signed_in(browser)
    browser.post("/admin/logout/")
    assert not Session.objects.exists()


def test_password_change_ends_other_sessions(nora):
    this, other = signed_in(), signed_in()
    own = "another password of Nora's"
    fields = {"old_password": PASSWORD, "new_password1": own, "new_password2": own}
    assert this.post("/admin/password_change/", fields)["Location"] == "/admin/"
    assert is_signed_in(this)
    assert not is_signed_in(other)


def test_password_reset_ends_all_sessions(nora, console):
    browser = signed_in()
    path = reverse("admin:auth_user_password_change", args=[nora.pk])
    console.post(path, {"password1": "made up by Olga", "password2": "made up by Olga", "usable_password": "true"})
    assert not is_signed_in(browser)


def test_pages_have_security_headers(console):
    page = console.get("/admin/")
    assert page["X-Content-Type-Options"] == "nosniff"
    assert page["X-Frame-Options"] == "DENY"
    assert page["Referrer-Policy"] == "same-origin"
    assert page["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]


SHOW = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
answer = Client().get("/healthz", headers={"host": "id.example.com", "x-forwarded-proto": "https"})
cookies = [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE]
print(json.dumps({"hsts": answer.headers.get("Strict-Transport-Security"), "secure": cookies}))
"""


@pytest.mark.parametrize(
    ("url", "hsts", "secure"),
    [("https://id.example.com", "max-age=31536000", True), ("http://id.example.com", None, False)],
)
def test_production_requires_tls(tmp_path, url, hsts, secure):
    """TLS ends at a trusted proxy; without TLS, plain HTTP still works."""
    variables = {
        **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")},
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "VAR_DIR": str(tmp_path),
        "PUBLIC_URL": url,
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    result = subprocess.run(
        [sys.executable, "-c", SHOW], env=variables, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(result.stdout) == {"hsts": hsts, "secure": [secure, secure]}
