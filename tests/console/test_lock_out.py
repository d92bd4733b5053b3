"""Guessing passwords of the console: counted, locked, told, unlocked."""

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


def guess(times, name="nora", **environment):
    """Guess so many times, each time from a fresh browser; return the last answer."""
    for number in range(times):
        answer = sign_in(Browser(), name, f"guess {number}", **environment)
    return answer


def signs_in(name="nora", **environment):
    return sign_in(Browser(), name, PASSWORD, **environment).status_code == 302


def told():
    return list(Event.objects.order_by("id").values_list("event_type", flat=True))


def test_five_wrong_passwords_lock_the_account_for_this_address_only(nora):
    assert guess(4).status_code == 200
    locked = guess(1)
    assert locked.status_code == 429
    assert "Too many wrong passwords" in locked.content.decode()
    assert not signs_in()
    assert signs_in(REMOTE_ADDR="192.0.2.7")


def test_another_user_agent_does_not_start_anew(nora):
    answers = [guess(1, HTTP_USER_AGENT=f"Browser/{number}").status_code for number in range(5)]
    assert answers == [200, 200, 200, 200, 429]


def test_the_lock_ends_after_a_quarter_of_an_hour_and_says_when(nora):
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        guess(5)
        clock.shift(timedelta(minutes=5, seconds=10))
        page = guess(1)
        end = start + timedelta(minutes=15)
        assert f"Try again in 10 minutes, at {end:%H:%M} UTC." in page.content.decode()
        assert page["Retry-After"] == "590"
        clock.shift(timedelta(minutes=9, seconds=45))
        assert not signs_in()
        clock.shift(timedelta(seconds=10))
        assert signs_in()


def test_guessing_from_many_addresses_locks_the_account_for_every_address(nora, settings):
    settings.STAFF_ACCOUNT_FAILURE_LIMIT = 12
    for host in (1, 2, 3):
        answer = guess(4, REMOTE_ADDR=f"192.0.2.{host}")
    assert answer.status_code == 429
    assert not signs_in(REMOTE_ADDR="198.51.100.1")
    assert sign_in(Browser(), "olga", "x", REMOTE_ADDR="198.51.100.1").status_code == 200


def test_the_right_password_forgets_the_wrong_ones(nora):
    guess(4)
    assert signs_in()
    assert guess(4).status_code == 200
    assert signs_in()


def test_a_name_that_nobody_has_is_answered_like_one_that_somebody_has(nora):
    with time_machine.travel(timezone.now(), tick=False):
        known, unknown = ([guess(1, name) for _ in range(6)] for name in ("nora", "nobody"))
    assert [answer.status_code for answer in known] == [200] * 4 + [429] * 2
    assert [answer.status_code for answer in unknown] == [200] * 4 + [429] * 2
    for one, other in zip(known[4:], unknown[4:], strict=True):
        assert one.content == other.content
        assert one["Retry-After"] == other["Retry-After"]
    first, second = (answers[0].context["form"].non_field_errors() for answers in (known, unknown))
    assert first == second


def test_the_events_say_who_was_guessed_at_and_never_what_was_typed(nora):
    with time_machine.travel(timezone.now().replace(minute=3)):
        guess(6)
    assert told() == ["ADMIN_SIGN_IN_FAILED", "ADMIN_SIGN_IN_LOCKED"]
    assert list(Event.objects.order_by("id").values_list("count", flat=True)) == [5, 1]
    sign_in(Browser(), "a password in the wrong field", "x", REMOTE_ADDR="192.0.2.7")
    stored = json.dumps(list(Event.objects.values("details")))
    assert "guess" not in stored
    assert "wrong field" not in stored
    assert {event.details["who"] for event in Event.objects.all()} == {"nora", ""}
    assert Event.objects.latest("id").client_ip == "192.0.2.7"


def test_nothing_that_was_typed_is_kept_to_count_by(nora):
    sign_in(Browser(), "mistyped-password", "wrong-password")
    browser = Browser()
    sign_in(browser, "nora", PASSWORD)
    typed = {name: f"typed-{name}" for name in ("old_password", "new_password1", "new_password2", "password")}
    browser.post("/admin/password_change/", typed)
    browser.post("/admin/second-factor/password/", typed)
    kept = repr(list(AccessAttempt.objects.values()))
    assert AccessAttempt.objects.count() == 2
    for text in ("mistyped-password", "wrong-password", "typed-", "nora"):
        assert text not in kept


def test_tables_of_wrong_passwords_hold_a_quarter_of_an_hour_and_no_log(nora):
    guess(2, REMOTE_ADDR="192.0.2.1")
    for number in range(3):
        guess(1, name=f"name {number}", HTTP_USER_AGENT="x" * 5000, HTTP_ACCEPT="y" * 5000, QUERY_STRING="z" * 5000)
    assert AccessAttempt.objects.count() == 4
    assert all(len(str(value)) <= 1025 for row in AccessAttempt.objects.values() for value in row.values())
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        guess(1, name="another")
    assert AccessAttempt.objects.count() == 1
    assert not AccessLog.objects.exists()
    assert not AccessFailureLog.objects.exists()


def test_behind_a_trusted_proxy_the_callers_own_address_counts(nora, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    proxy = {"REMOTE_ADDR": "10.1.1.1"}
    guess(5, HTTP_X_FORWARDED_FOR="203.0.113.5", **proxy)
    assert not signs_in(HTTP_X_FORWARDED_FOR="203.0.113.5", **proxy)
    assert signs_in(HTTP_X_FORWARDED_FOR="203.0.113.6", **proxy)


def test_from_elsewhere_a_forwarded_address_is_not_believed(nora):
    answers = [guess(1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}").status_code for number in range(5)]
    assert answers[-1] == 429


def test_a_caller_without_an_address_is_counted_too(nora):
    assert guess(5, REMOTE_ADDR="").status_code == 429
    assert signs_in(REMOTE_ADDR="192.0.2.7")


def unlock(name):
    output = StringIO()
    call_command("unlock_staff", name, stdout=output)
    return output.getvalue()


def test_unlock_staff_lets_the_account_in_again(nora):
    assert unlock("nora") == "“nora” was not locked.\n"
    guess(5)
    assert unlock("nora") == "“nora” can sign in again.\n"
    assert signs_in()
    event = Event.objects.get(event_type="ADMIN_SIGN_IN_UNLOCKED")
    assert event.details == {"who": "unlock_staff", "object": "nora"}
    with pytest.raises(CommandError, match="There is no staff account named “nobody”"):
        unlock("nobody")


def test_the_page_of_a_staff_account_shows_the_lock_and_unlocks(console, nora, changes):
    path = reverse("admin:auth_user_change", args=[nora.pk])
    assert 'name="unlock"' not in console.get(path).content.decode()
    guess(5, REMOTE_ADDR="192.0.2.7")
    page = console.get(path).content.decode()
    assert "for 192.0.2.7 until" in page
    assert 'name="unlock"' in page
    assert console.save(path).status_code == 302
    assert not signs_in(REMOTE_ADDR="192.0.2.7")
    assert console.save(path, unlock="on").status_code == 302
    assert changes("ADMIN_SIGN_IN_UNLOCKED")["object"] == "nora"
    assert signs_in(REMOTE_ADDR="192.0.2.7")


def test_guessing_the_current_password_on_the_page_that_changes_it_locks_too(nora):
    browser = Browser()
    sign_in(browser, "nora", PASSWORD)
    fields = {"new_password1": "something else", "new_password2": "something else"}
    answers = [
        browser.post("/admin/password_change/", {"old_password": f"guess {number}", **fields}).status_code
        for number in range(5)
    ]
    assert answers == [200] * 4 + [429]
    locked = browser.post("/admin/password_change/", {"old_password": PASSWORD, **fields})
    assert locked.status_code == 429
    nora.refresh_from_db()
    assert nora.check_password(PASSWORD)
