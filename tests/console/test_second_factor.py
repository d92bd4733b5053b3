"""Second factors of staff accounts: setup, verification and removal."""

import base64
import hmac
import json
import re
import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from urllib.parse import quote

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.urls import reverse

from apps.events.models import Event
from apps.staff import accounts
from apps.staff.models import AuthenticatorApp
from apps.staff.roles import Role
from tests.console.conftest import Browser, sign_in

PASSWORD = "a password of Nora's own"
START = datetime(2030, 5, 6, 12, 0, 10, tzinfo=UTC)
OVERVIEW = "/admin/second-factor/"
APP = "/admin/second-factor/app/"
CHECK = "/admin/second-factor/check/"
PASSWORD_PAGE = "/admin/second-factor/password/?next="
CODES = "/admin/second-factor/recovery-codes/"


def code_of(secret, timestamp):
    """Return the code of an authenticator app, in a second implementation of RFC 6238 and RFC 4226, section 5.3."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack(">Q", int(timestamp.timestamp()) // 30), sha1)
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def nora(db):
    return User.objects.create_superuser("nora", password=PASSWORD)


def signed_in(name="nora"):
    browser = Browser()
    assert sign_in(browser, name, PASSWORD).status_code == 302
    return browser


def open_own_page(name="nora"):
    """Sign in and confirm the password for the page."""
    browser = signed_in(name)
    assert browser.post("/admin/second-factor/password/?next=" + OVERVIEW, {"password": PASSWORD}).status_code == 302
    return browser


def set_up_app(browser, clock):
    """Set up an app on the console's page and return its secret."""
    page = browser.get(APP).content.decode()
    secret = re.search(r'id="app-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    response = browser.post(APP, {"code": code_of(secret, datetime.now(UTC))})
    assert response.status_code == 302, response.content.decode()
    clock.shift(timedelta(seconds=60))
    return secret


def event_types(*prefixes):
    events = Event.objects.order_by("id").values_list("event_type", flat=True)
    return [name for name in events if name.startswith(prefixes)]


def is_signed_in(browser):
    return browser.get("/admin/").status_code == 200


def test_app_setup_requires_code_at_next_sign_in(nora, clock):
    browser = open_own_page()
    page = browser.get(APP).content.decode()
    secret = re.search(r'id="app-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert "<svg" in page
    assert len(base64.b32decode(secret)) == 20

    # A secret that was shown but not confirmed has no effect.
    assert is_signed_in(signed_in())
    wrong = browser.post(APP, {"code": code_of(secret, START + timedelta(hours=1))})
    assert "The code is wrong." in wrong.content.decode()
    assert is_signed_in(signed_in())
    clock.shift(timedelta(seconds=5))
    assert browser.post(APP, {"code": code_of(secret, datetime.now(UTC))})["Location"] == OVERVIEW
    assert is_signed_in(browser)
    assert event_types("ADMIN_SECOND") == ["ADMIN_SECOND_FACTOR_CREATED"]

    clock.shift(timedelta(seconds=60))
    other = signed_in()
    assert other.get("/admin/events/event/?q=1")["Location"] == CHECK + "?next=" + quote(
        "/admin/events/event/?q=1", safe=""
    )
    code = code_of(secret, datetime.now(UTC))
    assert (
        other.post(CHECK + "?next=/admin/events/event/%3Fq%3D1", {"code": code})["Location"]
        == "/admin/events/event/?q=1"
    )
    assert is_signed_in(other)


def test_code_is_valid_once_for_90_seconds(nora, clock):
    secret = set_up_app(open_own_page(), clock)

    def accepted(seconds):
        browser = signed_in()
        browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC) + timedelta(seconds=seconds))})
        clock.shift(timedelta(minutes=5))
        return is_signed_in(browser)

    assert [accepted(seconds) for seconds in (-60, -30, 0, 30, 60)] == [False, True, True, True, False]
    code = code_of(secret, datetime.now(UTC))
    first, second = signed_in(), signed_in()
    first.post(CHECK, {"code": f" {code[:3]} {code[3:]} "})
    second.post(CHECK, {"code": code})
    assert is_signed_in(first)
    assert not is_signed_in(second)


def test_every_url_redirects_to_second_factor(nora, clock):
    set_up_app(open_own_page(), clock)
    browser = signed_in()
    closed = [
        "/admin/",
        "/admin/system/features/",
        "/admin/password_change/",
        "/admin/search/?s=a",
        OVERVIEW,
        APP,
        CODES,
    ]
    closed += [CODES, "/admin/second-factor/password/", "/admin/second-factor/passkeys/begin/"]
    for path in closed:
        for response in (browser.get(path), browser.post(path, {"password": PASSWORD})):
            assert response["Location"].startswith(CHECK), path
    page = browser.get(CHECK).content.decode()
    assert "console-menu-item" not in page
    assert browser.post("/admin/logout/").status_code == 200
    assert browser.get(CHECK)["Location"].startswith("/admin/login/")


def test_wrong_codes_are_throttled_over_all_sessions(nora, clock):
    secret = set_up_app(open_own_page(), clock)
    for seconds in (1, 2, 4, 8):
        response = signed_in().post(
            CHECK, {"code": "000000" if code_of(secret, datetime.now(UTC)) != "000000" else "1"}
        )
        assert "The code is wrong or already used" in response.content.decode()
        browser = signed_in()
        slowed = browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
        unit = "second" if seconds == 1 else "seconds"
        assert f"Try again in {seconds} {unit}." in slowed.content.decode()
        assert not is_signed_in(browser)
        clock.shift(timedelta(seconds=seconds))
    failed = Event.objects.filter(event_type="ADMIN_SECOND_FACTOR_FAILED")
    assert sum(event.count for event in failed) == 4
    browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
    assert is_signed_in(browser)


def test_recovery_codes_are_hashed_and_single_use(nora, clock):
    browser = open_own_page()
    set_up_app(browser, clock)
    assert "You have no recovery codes." in browser.get(OVERVIEW).content.decode()
    page = browser.post(CODES).content.decode()
    codes = re.findall(r"<code>([0-9a-f-]{19})</code>", page)
    assert len(set(codes)) == 10
    assert "10 codes remain." in browser.get(OVERVIEW).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT code_hash FROM staff_recoverycode")
        stored = "".join(row[0] for row in cursor.fetchall())
    assert codes[0].replace("-", "") not in stored

    first, second = signed_in(), signed_in()
    first.post(CHECK, {"code": codes[0].upper().replace("-", " ")})
    second.post(CHECK, {"code": codes[0]})
    assert is_signed_in(first)
    assert not is_signed_in(second)
    clock.shift(timedelta(seconds=2))
    assert Event.objects.get(event_type="ADMIN_RECOVERY_CODE_USED").details == {
        "who": "nora",
        "object": "nora",
        "left": 9,
    }

    browser.post(CODES)
    second.post(CHECK, {"code": codes[1]})
    assert not is_signed_in(second)
    assert codes[0] not in json.dumps(list(Event.objects.values("details")))


def test_codes_of_other_account_are_rejected(nora, clock):
    User.objects.create_superuser("olga", password=PASSWORD)
    olga = open_own_page("olga")
    secret = set_up_app(olga, clock)
    codes = re.findall(r"<code>([0-9a-f-]{19})</code>", olga.post(CODES).content.decode())
    set_up_app(open_own_page(), clock)
    browser = signed_in()
    browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
    clock.shift(timedelta(seconds=2))
    browser.post(CHECK, {"code": codes[0]})
    assert not is_signed_in(browser)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff", b"[" * 100_000, b'{"id": ' * 30_000])
def test_malformed_passkey_request_is_rejected(nora, clock, body):
    set_up_app(open_own_page(), clock)
    browser = signed_in()
    browser.post(CHECK + "begin/")
    assert browser.post(CHECK + "passkey/", body, content_type="application/json").status_code == 400
    assert not is_signed_in(browser)


def test_app_secret_is_encrypted(nora, clock):
    secret = set_up_app(open_own_page(), clock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM staff_authenticatorapp")
        stored = cursor.fetchone()[0]
    assert stored.startswith("v2.")
    assert secret not in stored
    assert AuthenticatorApp.objects.get().secret == secret
    assert secret not in json.dumps([session.get_decoded() for session in Session.objects.all()])


@pytest.mark.parametrize("path", [OVERVIEW, APP])
def test_changes_require_current_password(nora, clock, path):
    browser = signed_in()
    confirm_url = browser.get(path)["Location"]
    assert confirm_url == PASSWORD_PAGE + quote(path, safe="")
    rejected = browser.post(confirm_url, {"password": "not Nora's"})
    assert "The password is wrong." in rejected.content.decode()
    assert browser.get(path).status_code == 302
    assert browser.post(confirm_url, {"password": PASSWORD})["Location"] == path
    assert browser.get(path).status_code == 200
    clock.shift(timedelta(minutes=6))
    assert browser.get(path)["Location"] == confirm_url


def test_post_requires_recent_password(nora, clock):
    browser = open_own_page()
    set_up_app(browser, clock)
    clock.shift(timedelta(minutes=6))
    for path in (APP + "remove/", CODES, "/admin/second-factor/passkeys/1/"):
        assert browser.post(path, {"remove": ""})["Location"] == PASSWORD_PAGE + quote(OVERVIEW, safe="")
    for path in ("begin/", "add/"):
        response = browser.post(f"/admin/second-factor/passkeys/{path}", "{}", content_type="application/json")
        assert response.status_code == 403
    assert AuthenticatorApp.objects.filter(confirmed=True).exists()
    assert event_types("ADMIN_RECOVERY", "ADMIN_SECOND") == ["ADMIN_SECOND_FACTOR_CREATED"]


def test_wrong_password_confirmations_lock_account(nora):
    browser = signed_in()
    responses = [browser.post("/admin/second-factor/password/", {"password": f"x{number}"}) for number in range(5)]
    assert [response.status_code for response in responses] == [200] * 4 + [429]
    assert browser.post("/admin/second-factor/password/", {"password": PASSWORD}).status_code == 429


def test_redirect_to_other_site_is_rejected(nora):
    browser = signed_in()
    confirm_url = "/admin/second-factor/password/?next=https://evil.example/"
    assert browser.post(confirm_url, {"password": PASSWORD})["Location"] == "/admin/"


def test_removing_last_factor_removes_recovery_codes(nora, clock):
    browser = open_own_page()
    set_up_app(browser, clock)
    browser.post(CODES)
    assert browser.post(APP + "remove/")["Location"] == OVERVIEW
    assert event_types("ADMIN_SECOND_FACTOR_DELETED") == ["ADMIN_SECOND_FACTOR_DELETED"]
    assert is_signed_in(signed_in())
    assert "10 codes" not in browser.get(OVERVIEW).content.decode()
    assert browser.post(CODES)["Location"] == OVERVIEW


def test_second_app_replaces_first(nora, clock):
    browser = open_own_page()
    first = set_up_app(browser, clock)
    second = set_up_app(browser, clock)
    assert first != second
    assert AuthenticatorApp.objects.filter(confirmed=True).count() == 1
    other = signed_in()
    other.post(CHECK, {"code": code_of(second, datetime.now(UTC))})
    assert is_signed_in(other)


def test_open_session_requires_new_second_factor(nora, clock):
    before = signed_in()
    assert is_signed_in(before)
    set_up_app(open_own_page(), clock)
    assert not is_signed_in(before)


def test_administrator_removes_second_factor(nora, clock, administrator, changes):
    secret = set_up_app(open_own_page(), clock)
    open_session = signed_in()
    open_session.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
    console = Browser()
    console.force_login(administrator)
    path = reverse("admin:auth_user_change", args=[nora.pk])
    assert "authenticator app" in console.get(path).content.decode()
    assert console.save(path).status_code == 302
    assert AuthenticatorApp.objects.exists()
    assert console.save(path, remove_second_factor="on").status_code == 302
    assert changes("ADMIN_SECOND_FACTOR_DELETED") == {"who": "olga", "object": "nora", "kind": "all"}
    assert open_session.get("/admin/")["Location"].startswith("/admin/login/")
    assert is_signed_in(signed_in())
    assert 'name="remove_second_factor"' not in console.get(path).content.decode()


def test_account_is_deleted_with_second_factor(nora, clock, administrator):
    browser = open_own_page()
    set_up_app(browser, clock)
    browser.post(CODES)
    console = Browser()
    console.force_login(administrator)
    path = reverse("admin:auth_user_delete", args=[nora.pk])
    assert "authenticator app" in console.get(path).content.decode()
    assert console.post(path, {"post": "yes"}).status_code == 302
    assert not AuthenticatorApp.objects.exists()
    assert not is_signed_in(browser)


def test_operator_manages_own_second_factor_only(nora, clock):
    set_up_app(open_own_page(), clock)
    piet = User(username="piet", is_staff=True)
    piet.set_password(PASSWORD)
    piet.save()
    accounts.assign_role(piet, Role.OPERATOR)
    browser = open_own_page("piet")
    set_up_app(browser, clock)
    assert (
        browser.post(reverse("admin:auth_user_change", args=[nora.pk]), {"remove_second_factor": "on"}).status_code
        == 403
    )
    assert AuthenticatorApp.objects.filter(confirmed=True).count() == 2


@pytest.fixture
def required(settings):
    settings.STAFF_SECOND_FACTOR = "required"


def test_required_second_factor_must_be_set_up(nora, clock, required):
    browser = signed_in()
    for path in ("/admin/", "/admin/system/features/", "/admin/auth/user/"):
        assert browser.get(path)["Location"].startswith(OVERVIEW)
    confirm_url = browser.get("/admin/", follow=True)
    assert confirm_url.redirect_chain[-1][0].startswith(PASSWORD_PAGE)
    assert "Set up a second factor to continue." in confirm_url.content.decode()
    assert browser.get("/admin/password_change/").status_code == 200
    browser.post("/admin/second-factor/password/", {"password": PASSWORD})
    assert "console-menu-item" not in browser.get(OVERVIEW).content.decode()
    set_up_app(browser, clock)
    assert is_signed_in(browser)
    assert "console-menu-item" in browser.get(OVERVIEW).content.decode()
    browser.post("/admin/second-factor/password/", {"password": PASSWORD})
    browser.post(APP + "remove/")
    assert browser.get("/admin/")["Location"].startswith(OVERVIEW)


def test_initial_password_is_changed_before_second_factor(nora, required):
    accounts.require_new_password(nora)
    browser = signed_in()
    assert browser.get("/admin/")["Location"].startswith("/admin/password_change/")
    assert browser.get(OVERVIEW)["Location"].startswith("/admin/password_change/")
