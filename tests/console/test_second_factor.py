"""The second factor of staff accounts: setting it up, being asked for it, losing it."""

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
ASKED = "/admin/second-factor/password/?next="
CODES = "/admin/second-factor/recovery-codes/"


def code_of(secret, moment):
    """Return what an authenticator app shows: RFC 6238 and RFC 4226, section 5.3, written down a second time."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack(">Q", int(moment.timestamp()) // 30), sha1)
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


def at_own_page(name="nora"):
    """Sign in, and go through the question for the password that stands before the page."""
    browser = signed_in(name)
    assert browser.post("/admin/second-factor/password/?next=" + OVERVIEW, {"password": PASSWORD}).status_code == 302
    return browser


def set_up_app(browser, clock):
    """Set an app up as a person would; return its secret."""
    page = browser.get(APP).content.decode()
    secret = re.search(r'id="app-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    answer = browser.post(APP, {"code": code_of(secret, datetime.now(UTC))})
    assert answer.status_code == 302, answer.content.decode()
    clock.shift(timedelta(seconds=60))
    return secret


def told(*prefixes):
    events = Event.objects.order_by("id").values_list("event_type", flat=True)
    return [name for name in events if name.startswith(prefixes)]


def gets_in(browser):
    return browser.get("/admin/").status_code == 200


def test_an_app_is_set_up_with_a_code_and_asked_for_at_the_next_sign_in(nora, clock):
    browser = at_own_page()
    page = browser.get(APP).content.decode()
    secret = re.search(r'id="app-secret">([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    assert "<svg" in page
    assert len(base64.b32decode(secret)) == 20

    # A secret that was only looked at counts for nothing.
    assert gets_in(signed_in())
    wrong = browser.post(APP, {"code": code_of(secret, START + timedelta(hours=1))})
    assert "The code is wrong." in wrong.content.decode()
    assert gets_in(signed_in())
    clock.shift(timedelta(seconds=5))
    assert browser.post(APP, {"code": code_of(secret, datetime.now(UTC))})["Location"] == OVERVIEW
    assert gets_in(browser)
    assert told("ADMIN_SECOND") == ["ADMIN_SECOND_FACTOR_CREATED"]

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
    assert gets_in(other)


def test_a_code_is_good_once_and_for_a_minute_and_a_half(nora, clock):
    secret = set_up_app(at_own_page(), clock)

    def accepted(seconds):
        browser = signed_in()
        browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC) + timedelta(seconds=seconds))})
        clock.shift(timedelta(minutes=5))
        return gets_in(browser)

    assert [accepted(seconds) for seconds in (-60, -30, 0, 30, 60)] == [False, True, True, True, False]
    code = code_of(secret, datetime.now(UTC))
    first, second = signed_in(), signed_in()
    first.post(CHECK, {"code": f" {code[:3]} {code[3:]} "})
    second.post(CHECK, {"code": code})
    assert gets_in(first)
    assert not gets_in(second)


def test_before_the_second_factor_every_address_leads_to_the_question(nora, clock):
    set_up_app(at_own_page(), clock)
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
        for answer in (browser.get(path), browser.post(path, {"password": PASSWORD})):
            assert answer["Location"].startswith(CHECK), path
    page = browser.get(CHECK).content.decode()
    assert "console-menu-item" not in page
    assert browser.post("/admin/logout/").status_code == 200
    assert browser.get(CHECK)["Location"].startswith("/admin/login/")


def test_wrong_codes_are_slowed_down_told_and_counted_over_all_sessions(nora, clock):
    secret = set_up_app(at_own_page(), clock)
    for seconds in (1, 2, 4, 8):
        answer = signed_in().post(CHECK, {"code": "000000" if code_of(secret, datetime.now(UTC)) != "000000" else "1"})
        assert "The code is wrong or already used" in answer.content.decode()
        browser = signed_in()
        slowed = browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
        unit = "second" if seconds == 1 else "seconds"
        assert f"Try again in {seconds} {unit}." in slowed.content.decode()
        assert not gets_in(browser)
        clock.shift(timedelta(seconds=seconds))
    failed = Event.objects.filter(event_type="ADMIN_SECOND_FACTOR_FAILED")
    assert sum(event.count for event in failed) == 4
    browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
    assert gets_in(browser)


def test_recovery_codes_are_shown_once_kept_as_hashes_and_good_once(nora, clock):
    browser = at_own_page()
    set_up_app(browser, clock)
    assert "You have no recovery codes." in browser.get(OVERVIEW).content.decode()
    page = browser.post(CODES).content.decode()
    codes = re.findall(r"<code>([0-9a-f-]{19})</code>", page)
    assert len(set(codes)) == 10
    assert "10 codes are left." in browser.get(OVERVIEW).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT code_hash FROM staff_recoverycode")
        stored = "".join(row[0] for row in cursor.fetchall())
    assert codes[0].replace("-", "") not in stored

    first, second = signed_in(), signed_in()
    first.post(CHECK, {"code": codes[0].upper().replace("-", " ")})
    second.post(CHECK, {"code": codes[0]})
    assert gets_in(first)
    assert not gets_in(second)
    clock.shift(timedelta(seconds=2))
    assert Event.objects.get(event_type="ADMIN_RECOVERY_CODE_USED").details == {
        "who": "nora",
        "object": "nora",
        "left": 9,
    }

    browser.post(CODES)
    second.post(CHECK, {"code": codes[1]})
    assert not gets_in(second)
    assert codes[0] not in json.dumps(list(Event.objects.values("details")))


def test_another_accounts_codes_open_nothing(nora, clock):
    User.objects.create_superuser("olga", password=PASSWORD)
    olga = at_own_page("olga")
    secret = set_up_app(olga, clock)
    codes = re.findall(r"<code>([0-9a-f-]{19})</code>", olga.post(CODES).content.decode())
    set_up_app(at_own_page(), clock)
    browser = signed_in()
    browser.post(CHECK, {"code": code_of(secret, datetime.now(UTC))})
    clock.shift(timedelta(seconds=2))
    browser.post(CHECK, {"code": codes[0]})
    assert not gets_in(browser)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff", b"[" * 100_000, b'{"id": ' * 30_000])
def test_a_body_that_no_browser_sends_is_no_passkey(nora, clock, body):
    set_up_app(at_own_page(), clock)
    browser = signed_in()
    browser.post(CHECK + "begin/")
    assert browser.post(CHECK + "passkey/", body, content_type="application/json").status_code == 400
    assert not gets_in(browser)


def test_the_secret_of_an_app_is_encrypted_at_rest(nora, clock):
    secret = set_up_app(at_own_page(), clock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM staff_authenticatorapp")
        stored = cursor.fetchone()[0]
    assert stored.startswith("v2.")
    assert secret not in stored
    assert AuthenticatorApp.objects.get().secret == secret
    assert secret not in json.dumps([session.get_decoded() for session in Session.objects.all()])


@pytest.mark.parametrize("path", [OVERVIEW, APP])
def test_changes_of_the_second_factor_ask_for_the_current_password(nora, clock, path):
    browser = signed_in()
    asked = browser.get(path)["Location"]
    assert asked == ASKED + quote(path, safe="")
    refused = browser.post(asked, {"password": "not Nora's"})
    assert "The password is wrong." in refused.content.decode()
    assert browser.get(path).status_code == 302
    assert browser.post(asked, {"password": PASSWORD})["Location"] == path
    assert browser.get(path).status_code == 200
    clock.shift(timedelta(minutes=6))
    assert browser.get(path)["Location"] == asked


def test_nothing_changes_by_a_post_when_the_password_was_asked_for_too_long_ago(nora, clock):
    browser = at_own_page()
    set_up_app(browser, clock)
    clock.shift(timedelta(minutes=6))
    for path in (APP + "remove/", CODES, "/admin/second-factor/passkeys/1/"):
        assert browser.post(path, {"remove": ""})["Location"] == ASKED + quote(OVERVIEW, safe="")
    for path in ("begin/", "add/"):
        answer = browser.post(f"/admin/second-factor/passkeys/{path}", "{}", content_type="application/json")
        assert answer.status_code == 403
    assert AuthenticatorApp.objects.filter(confirmed=True).exists()
    assert told("ADMIN_RECOVERY", "ADMIN_SECOND") == ["ADMIN_SECOND_FACTOR_CREATED"]


def test_guessing_the_password_there_locks_like_guessing_at_the_sign_in(nora):
    browser = signed_in()
    answers = [browser.post("/admin/second-factor/password/", {"password": f"x{number}"}) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    assert browser.post("/admin/second-factor/password/", {"password": PASSWORD}).status_code == 429


def test_the_way_back_leads_to_no_other_site(nora):
    browser = signed_in()
    asked = "/admin/second-factor/password/?next=https://evil.example/"
    assert browser.post(asked, {"password": PASSWORD})["Location"] == "/admin/"


def test_removing_the_last_one_removes_the_recovery_codes_and_the_question(nora, clock):
    browser = at_own_page()
    set_up_app(browser, clock)
    browser.post(CODES)
    assert browser.post(APP + "remove/")["Location"] == OVERVIEW
    assert told("ADMIN_SECOND_FACTOR_DELETED") == ["ADMIN_SECOND_FACTOR_DELETED"]
    assert gets_in(signed_in())
    assert "10 codes" not in browser.get(OVERVIEW).content.decode()
    assert browser.post(CODES)["Location"] == OVERVIEW


def test_a_second_app_replaces_the_first(nora, clock):
    browser = at_own_page()
    first = set_up_app(browser, clock)
    second = set_up_app(browser, clock)
    assert first != second
    assert AuthenticatorApp.objects.filter(confirmed=True).count() == 1
    other = signed_in()
    other.post(CHECK, {"code": code_of(second, datetime.now(UTC))})
    assert gets_in(other)


def test_an_open_session_is_asked_as_soon_as_there_is_a_second_factor(nora, clock):
    before = signed_in()
    assert gets_in(before)
    set_up_app(at_own_page(), clock)
    assert not gets_in(before)


def test_an_administrator_removes_the_second_factor_of_somebody_who_lost_it(nora, clock, administrator, changes):
    secret = set_up_app(at_own_page(), clock)
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
    assert gets_in(signed_in())
    assert 'name="remove_second_factor"' not in console.get(path).content.decode()


def test_an_account_is_deleted_with_its_second_factor(nora, clock, administrator):
    browser = at_own_page()
    set_up_app(browser, clock)
    browser.post(CODES)
    console = Browser()
    console.force_login(administrator)
    path = reverse("admin:auth_user_delete", args=[nora.pk])
    assert "authenticator app" in console.get(path).content.decode()
    assert console.post(path, {"post": "yes"}).status_code == 302
    assert not AuthenticatorApp.objects.exists()
    assert not gets_in(browser)


def test_an_operator_may_have_a_second_factor_and_remove_nobody_elses(nora, clock):
    set_up_app(at_own_page(), clock)
    piet = User(username="piet", is_staff=True)
    piet.set_password(PASSWORD)
    piet.save()
    accounts.assign_role(piet, Role.OPERATOR)
    browser = at_own_page("piet")
    set_up_app(browser, clock)
    assert (
        browser.post(reverse("admin:auth_user_change", args=[nora.pk]), {"remove_second_factor": "on"}).status_code
        == 403
    )
    assert AuthenticatorApp.objects.filter(confirmed=True).count() == 2


@pytest.fixture
def required(settings):
    settings.STAFF_SECOND_FACTOR = "required"


def test_where_it_is_required_nothing_opens_before_it_is_set_up(nora, clock, required):
    browser = signed_in()
    for path in ("/admin/", "/admin/system/features/", "/admin/auth/user/"):
        assert browser.get(path)["Location"].startswith(OVERVIEW)
    asked = browser.get("/admin/", follow=True)
    assert asked.redirect_chain[-1][0].startswith(ASKED)
    assert "Set up a second factor to continue." in asked.content.decode()
    assert browser.get("/admin/password_change/").status_code == 200
    browser.post("/admin/second-factor/password/", {"password": PASSWORD})
    assert "console-menu-item" not in browser.get(OVERVIEW).content.decode()
    set_up_app(browser, clock)
    assert gets_in(browser)
    assert "console-menu-item" in browser.get(OVERVIEW).content.decode()
    browser.post("/admin/second-factor/password/", {"password": PASSWORD})
    browser.post(APP + "remove/")
    assert browser.get("/admin/")["Location"].startswith(OVERVIEW)


def test_a_first_password_is_changed_before_the_second_factor_is_set_up(nora, required):
    accounts.require_new_password(nora)
    browser = signed_in()
    assert browser.get("/admin/")["Location"].startswith("/admin/password_change/")
    assert browser.get(OVERVIEW)["Location"].startswith("/admin/password_change/")
