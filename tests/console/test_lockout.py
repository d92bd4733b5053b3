"""Lockout of staff accounts after wrong passwords."""

import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from apps.events.models import Event
from tests.console.conftest import Browser, sign_in

PASSWORD = "a password of Nora's own"


@pytest.fixture
def nora(db):
    return User.objects.create_superuser("nora", password=PASSWORD)


def enter_wrong_passwords(times, name="nora", **environment):
    """Enter wrong passwords, each with a new browser, and return the last response."""
    for number in range(times):
        response = sign_in(Browser(), name, f"guess {number}", **environment)
    return response


def can_sign_in(name="nora", **environment):
    return sign_in(Browser(), name, PASSWORD, **environment).status_code == 302


def event_types():
    return list(Event.objects.order_by("id").values_list("event_type", flat=True))


def test_five_wrong_passwords_lock_account_for_one_address(nora):
    assert enter_wrong_passwords(4).status_code == 200
    locked = enter_wrong_passwords(1)
    assert locked.status_code == 429
    assert "Too many wrong passwords" in locked.content.decode()
    assert not can_sign_in()
    assert can_sign_in(REMOTE_ADDR="192.0.2.7")


def test_other_user_agent_does_not_reset_count(nora):
    responses = [enter_wrong_passwords(1, HTTP_USER_AGENT=f"Browser/{number}").status_code for number in range(5)]
    assert responses == [200, 200, 200, 200, 429]


def test_lock_ends_after_15_minutes(nora):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        enter_wrong_passwords(5)
        clock.shift(timedelta(minutes=5, seconds=10))
        page = enter_wrong_passwords(1)
        end = start + timedelta(minutes=15)
        assert f"Try again in 10 minutes, at {end:%H:%M} UTC." in page.content.decode()
        assert page["Retry-After"] == "590"
        clock.shift(timedelta(minutes=9, seconds=45))
        assert not can_sign_in()
        clock.shift(timedelta(seconds=10))
        assert can_sign_in()


def test_wrong_passwords_from_many_addresses_lock_account(nora, settings):
    settings.STAFF_ACCOUNT_FAILURE_LIMIT = 12
    for host in (1, 2, 3):
        response = enter_wrong_passwords(4, REMOTE_ADDR=f"192.0.2.{host}")
    assert response.status_code == 429
    assert not can_sign_in(REMOTE_ADDR="198.51.100.1")
    assert sign_in(Browser(), "olga", "x", REMOTE_ADDR="198.51.100.1").status_code == 200


def test_correct_password_resets_count(nora):
    enter_wrong_passwords(4)
    assert can_sign_in()
    assert enter_wrong_passwords(4).status_code == 200
    assert can_sign_in()


def test_unknown_and_existing_names_are_indistinguishable(nora):
    with time_machine.travel(timezone.now(), tick=False):
        known, unknown = ([enter_wrong_passwords(1, name) for _ in range(6)] for name in ("nora", "unknown"))
    assert [response.status_code for response in known] == [200] * 4 + [429] * 2
    assert [response.status_code for response in unknown] == [200] * 4 + [429] * 2
    for first, other in zip(known[4:], unknown[4:], strict=True):
        assert first.content == other.content
        assert first["Retry-After"] == other["Retry-After"]
    first, second = (responses[0].context["form"].non_field_errors() for responses in (known, unknown))
    assert first == second


def test_lockout_events_name_account_without_input(nora):
    with time_machine.travel(timezone.now().replace(minute=3)):
        enter_wrong_passwords(6)
    assert event_types() == ["ADMIN_SIGN_IN_FAILED", "ADMIN_SIGN_IN_LOCKED"]
    assert list(Event.objects.order_by("id").values_list("count", flat=True)) == [5, 1]
    sign_in(Browser(), "a password in the wrong field", "x", REMOTE_ADDR="192.0.2.7")
    stored = json.dumps(list(Event.objects.values("details")))
    assert "guess" not in stored
    assert "wrong field" not in stored
    assert {event.details["who"] for event in Event.objects.all()} == {"nora", ""}
    assert Event.objects.latest("id").client_ip == "192.0.2.7"


def test_failure_rows_do_not_contain_input(nora):
    sign_in(Browser(), "mistyped-password", "wrong-password")
    browser = Browser()
    sign_in(browser, "nora", PASSWORD)
    inputs = {name: f"typed-{name}" for name in ("old_password", "new_password1", "new_password2", "password")}
    browser.post("/admin/password_change/", inputs)
    browser.post("/admin/second-factor/password/", inputs)
    stored = repr(list(AccessAttempt.objects.values()))
    assert AccessAttempt.objects.count() == 2
    for text in ("mistyped-password", "wrong-password", "typed-", "nora"):
        assert text not in stored


def test_failure_rows_are_kept_for_15_minutes(nora):
    enter_wrong_passwords(2, REMOTE_ADDR="192.0.2.1")
    for number in range(3):
        enter_wrong_passwords(
            1, name=f"name {number}", HTTP_USER_AGENT="x" * 5000, HTTP_ACCEPT="y" * 5000, QUERY_STRING="z" * 5000
        )
    assert AccessAttempt.objects.count() == 4
    assert all(len(str(value)) <= 1025 for row in AccessAttempt.objects.values() for value in row.values())
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        enter_wrong_passwords(1, name="another")
    assert AccessAttempt.objects.count() == 1
    assert not AccessLog.objects.exists()
    assert not AccessFailureLog.objects.exists()


def test_forwarded_address_of_trusted_proxy_is_used(nora, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    proxy = {"REMOTE_ADDR": "10.1.1.1"}
    enter_wrong_passwords(5, HTTP_X_FORWARDED_FOR="203.0.113.5", **proxy)
    assert not can_sign_in(HTTP_X_FORWARDED_FOR="203.0.113.5", **proxy)
    assert can_sign_in(HTTP_X_FORWARDED_FOR="203.0.113.6", **proxy)


def test_forwarded_address_of_untrusted_client_is_ignored(nora):
    responses = [
        enter_wrong_passwords(1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}").status_code for number in range(5)
    ]
    assert responses[-1] == 429


def test_client_without_address_is_counted(nora):
    assert enter_wrong_passwords(5, REMOTE_ADDR="").status_code == 429
    assert can_sign_in(REMOTE_ADDR="192.0.2.7")


def unlock(name):
    output = StringIO()
    call_command("unlock_staff", name, stdout=output)
    return output.getvalue()


def test_unlock_staff_unlocks_account(nora):
    assert unlock("nora") == "“nora” was not locked.\n"
    enter_wrong_passwords(5)
    assert unlock("nora") == "“nora” can sign in again.\n"
    assert can_sign_in()
    event = Event.objects.get(event_type="ADMIN_SIGN_IN_UNLOCKED")
    assert event.details == {"who": "unlock_staff", "object": "nora"}
    with pytest.raises(CommandError, match="There is no staff account named “unknown”"):
        unlock("unknown")


def test_staff_page_shows_lock_and_unlocks(console, nora, changes):
    path = reverse("admin:auth_user_change", args=[nora.pk])
    assert 'name="unlock"' not in console.get(path).content.decode()
    enter_wrong_passwords(5, REMOTE_ADDR="192.0.2.7")
    page = console.get(path).content.decode()
    assert "for 192.0.2.7 until" in page
    assert 'name="unlock"' in page
    assert console.save(path).status_code == 302
    assert not can_sign_in(REMOTE_ADDR="192.0.2.7")
    assert console.save(path, unlock="on").status_code == 302
    assert changes("ADMIN_SIGN_IN_UNLOCKED")["object"] == "nora"
    assert can_sign_in(REMOTE_ADDR="192.0.2.7")


def test_wrong_current_passwords_lock_account(nora):
    browser = Browser()
    sign_in(browser, "nora", PASSWORD)
    fields = {"new_password1": "something else", "new_password2": "something else"}
    responses = [
        browser.post("/admin/password_change/", {"old_password": f"guess {number}", **fields}).status_code
        for number in range(5)
    ]
    assert responses == [200] * 4 + [429]
    locked = browser.post("/admin/password_change/", {"old_password": PASSWORD, **fields})
    assert locked.status_code == 429
    nora.refresh_from_db()
    assert nora.check_password(PASSWORD)
