"""Users in the console: everything about one user, and what support staff can do about it."""

import html
import re
from datetime import timedelta
from io import StringIO
from urllib.parse import urlencode

import pytest
import segno
from django.contrib.messages import get_messages
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.applications.models import Application, ApplicationVersion
from apps.demo.device import DeviceApiError
from apps.enrollment.models import Device, EnrollmentCode, FraudLock, Profile, PushEnrollment
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from apps.transactions.models import CodeFailures
from tests import factories
from tests.conftest import TestDevice
from tests.console.test_roles import browser_of

LIST = "/admin/enrollment/profile/"
REMOVALS = ("revoke-push", "revoke-mobile-authentication", "disconnect-user", "delete-device")


def address(user_id, button, device=None):
    found = Profile.objects.filter(user_id=user_id)
    profile = (found.filter(device__device_id=device.device_id) if device else found).get()
    return f"{LIST}{profile.pk}/{button}/"


def user_page(browser, user_id):
    return browser.get(f"{LIST}?{urlencode({'q': user_id})}")


def listed(page):
    return [profile.device.name for profile in page.context["cl"].result_list]


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def last(event_type):
    return Event.objects.filter(event_type=event_type).latest("id")


def press(console, path):
    """Read the question and answer it with its button."""
    page = console.get(path)
    assert page.status_code == 200
    fields = re.findall(r'<input type="hidden" name="(state_token)" value="([^"]*)"', page.content.decode())
    return console.post(path, dict(fields))


@pytest.fixture
def shared(enroll, version):
    """A phone that anna, bert and chloe share; anna has a second one."""
    phone = enroll("anna")
    for user in ("bert", "chloe"):
        enroll(user, device=phone, push_token="")
    enroll("anna", push_token="")
    return phone


def test_a_search_shows_one_user_exactly_and_all_that_is_known(console, enroll, version):
    Application.objects.update(pin_enabled=True)
    enroll("anna").register_pin("12345")
    enroll("annabel")
    ApplicationVersion.objects.update(status="login_only")
    Profile.objects.filter(user_id="anna").update(wrong_pins=2)
    factories.FraudLockFactory()
    Device.objects.update(model="Pixel 9", os_version="Android 16")
    page = user_page(console, "anna")
    content = page.content.decode()
    assert listed(page) == ["Phone of anna"]
    for text in ("Pixel 9, Android 16", version.application.name, "Android", "1.0.0", "Login only", "PIN", "2 / 3"):
        assert text in content, text
    assert "This user is locked" in content
    assert f"Locked in “{version.application.name}” after a fraud report" in content
    assert "PUSH ENROLLMENT SUCCESS" in content
    assert f'href="{LIST}{Profile.objects.get(user_id="anna").pk}/change/' in content
    for other in ("ann", "ANNA", "anna ", "an%"):
        assert listed(user_page(console, other)) == [], other
    assert user_page(console, "\0").status_code == 200


def test_a_user_without_devices_still_has_events_and_locks(console, db):
    CodeFailures.objects.create(user_id="sms@example.com", count=100, locked_at=timezone.now())
    page = user_page(console, "sms@example.com")
    assert "Text messages are locked after 100 wrong codes in a row." in page.content.decode()
    assert f'href="{LIST}unlock-user/?user=sms%40example.com"' in page.content.decode()


def test_user_without_a_device_is_shown_with_the_fraud_lock_and_unlocked(console, device, version):
    factories.FraudLockFactory()
    device.unenroll()
    page = user_page(console, "anna")
    assert listed(page) == []
    assert f"Locked in “{version.application.name}” after a fraud report" in page.content.decode()
    path = f"{LIST}unlock-user/?user=anna"
    assert f'href="{path}"' in page.content.decode()
    assert "Applications unlocked: 1." in said(press(console, path))
    assert not FraudLock.objects.exists()


def test_a_page_of_a_user_has_the_newest_twenty_events(console, db):
    start = timezone.now()
    Event.objects.bulk_create(
        Event(event_type="API_DEVICES_LISTED", user_id="anna", occurred=start + timedelta(seconds=number), details={})
        for number in range(25)
    )
    events = list(user_page(console, "anna").context["user_events"])
    assert len(events) == 20
    assert events[0].occurred == start + timedelta(seconds=24)


def queries_for(console, path):
    with CaptureQueriesContext(connection) as queries:
        assert console.get(path).status_code == 200
    return len(queries)


def test_fifty_profiles_cost_no_more_questions_than_one(console, enroll):
    enroll("anna")
    profile = Profile.objects.get()
    paths = [f"{LIST}?q=anna", f"{LIST}{profile.pk}/change/", f"{LIST}{profile.pk}/delete-device/"]
    # The first look at all makes the rows of settings that there is one of.
    for path in paths:
        console.get(path)
    before = [queries_for(console, path) for path in paths]
    for number in range(50):
        device = Device.objects.create(token_hash=str(number), version=profile.device.version, name=f"Phone {number}")
        copied = {"public_key": "", "fingerprint": "", "server_key": profile.server_key}
        Profile.objects.create(device=device, user_id="anna", **copied)
        Profile.objects.create(device=profile.device, user_id=f"user-{number}", **copied)
    assert [queries_for(console, path) for path in paths] == before


@pytest.mark.parametrize("button", [*REMOVALS, "send-test-push"])
def test_every_button_asks_first_and_does_nothing_by_get(console, shared, button):
    before = Profile.objects.count(), PushEnrollment.objects.count(), Event.objects.count()
    path = address("anna", button, shared)
    change = console.get(path.replace(button, "change")).content.decode()
    assert f'href="{path}"' in change
    for ask in (console.get, console.head):
        assert ask(path).status_code == 200
    question = console.get(path).content.decode()
    assert '<li class="console-heading-text">anna</li>' in question or "“anna”" in question
    assert "csrfmiddlewaretoken" in question
    assert (Profile.objects.count(), PushEnrollment.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("button", REMOVALS)
def test_a_form_without_its_token_and_a_role_without_the_right_change_nothing(administrator, shared, button):
    path = address("anna", button, shared)
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(administrator)
    assert stranger.post(path).status_code == 403
    for role in ("operator", "helpdesk"):
        browser = browser_of(role, role)
        assert browser.post(path).status_code == 403
        assert browser.get(path).status_code == 403
    assert Profile.objects.filter(user_id="anna").count() == 2
    assert PushEnrollment.objects.count() == 1


def test_a_user_leaves_one_device_and_keeps_the_other_and_the_others_stay(console, shared):
    path, event_type = address("anna", "disconnect-user", shared), "ADMIN_USER_DISCONNECTED"
    answer = press(console, path)
    assert answer["Location"] == f"{LIST}?q=anna"
    assert "“anna”" in said(answer)
    assert sorted(Profile.objects.values_list("user_id", flat=True)) == ["anna", "bert", "chloe"]
    event = last(event_type)
    assert (event.user_id, event.details) == ("anna", {"device_id": shared.device_id, "who": "olga"})
    again = console.post(path)
    assert (again.status_code, Event.objects.filter(event_type=event_type).count()) == (302, 1)
    assert "Nothing was changed" in said(again)
    assert console.get(path).status_code == 404


def test_revoking_mobile_authentication_keeps_the_device_in_the_list(console, shared):
    path = address("anna", "revoke-mobile-authentication", shared)
    profile_page = path.replace("revoke-mobile-authentication", "change")
    answer = press(console, path)
    assert (answer["Location"], said(answer)) == (profile_page, "The keys of “anna” on “Phone of chloe” were deleted.")
    profile = Profile.objects.get(user_id="anna", device__device_id=shared.device_id)
    assert (profile.has_keys, profile.public_key, profile.fingerprint) == (False, "", "")
    assert Profile.objects.filter(server_key__isnull=False).count() == 3
    assert ">removed<" in console.get(profile_page).content.decode()
    assert ">removed<" in user_page(console, "anna").content.decode()
    test_push = console.get(path.replace("revoke-mobile-authentication", "send-test-push")).content.decode()
    assert "The user's keys on this device were deleted." in html.unescape(test_push)
    assert last("ADMIN_USER_CLIENT_KEYS_REVOKED").details == {"device_id": shared.device_id, "who": "olga"}
    assert "Nothing was changed" in said(console.post(path))
    assert Event.objects.filter(event_type="ADMIN_USER_CLIENT_KEYS_REVOKED").count() == 1


def test_push_is_revoked_and_the_keys_stay(console, device):
    path = address("anna", "revoke-push")
    assert "The push token of “anna” on “Phone of anna” was deleted." in said(press(console, path))
    assert not PushEnrollment.objects.exists()
    assert Profile.objects.exists()
    assert last("ADMIN_PUSH_ENROLLMENT_REVOKED").details == {"device_id": device.device_id, "who": "olga"}
    assert "Nothing was changed" in said(press(console, path))
    assert Event.objects.filter(event_type="ADMIN_PUSH_ENROLLMENT_REVOKED").count() == 1


def test_a_device_is_deleted_with_everybody_who_was_named(console, shared):
    path = address("anna", "delete-device", shared)
    question = console.get(path).content.decode()
    assert "Delete “Phone of chloe” and disconnect its 3 users?" in question
    assert re.findall(r'<li class="console-heading-text">(\w+)</li>', question) == ["anna", "bert", "chloe"]
    assert "3 users were disconnected" in said(press(console, path))
    assert not Device.objects.filter(device_id=shared.device_id).exists()
    assert Profile.objects.get().user_id == "anna"
    events = Event.objects.filter(event_type="ADMIN_DEVICE_DELETED")
    assert sorted(event.user_id for event in events) == ["anna", "bert", "chloe"]
    assert {event.details["who"] for event in events} == {"olga"}
    with pytest.raises(DeviceApiError):
        shared.call("GET", "/device/v1/transactions")


def test_who_came_after_the_question_is_named_before_the_device_goes(console, shared, enroll):
    path = address("anna", "delete-device", shared)
    [state_token] = re.findall(r'name="state_token" value="(\w+)"', console.get(path).content.decode())
    enroll("dirk", device=shared, push_token="")
    for given in (state_token, "", "x"):
        answer = console.post(path, {"state_token": given})
        assert answer["Location"] == path
        assert "confirm again" in said(answer)
    assert Profile.objects.filter(device__device_id=shared.device_id).count() == 4
    assert "4 users were disconnected" in said(press(console, path))


def test_a_test_push_is_an_event_with_who(console, device):
    console.post(address("anna", "send-test-push"))
    details = last("ADMIN_TEST_PUSH_SENT").details
    assert details["who"] == "olga"
    assert details["device_id"] == device.device_id
    assert "push-token-of-anna" not in str(details)


@pytest.fixture
def locked(device):
    factories.FraudLockFactory()
    CodeFailures.objects.create(user_id="anna", count=100, locked_at=timezone.now())


def test_a_locked_user_is_unlocked_once(console, locked):
    path = f"{LIST}unlock-user/?user=anna"
    profile_page = f"{LIST}{Profile.objects.get().pk}/change/"
    assert f'href="{path}"' in user_page(console, "anna").content.decode()
    assert f'href="{path}"' in console.get(profile_page).content.decode()
    question = console.get(path).content.decode()
    assert "Unlock “anna”?" in question
    assert f"“{Application.objects.get().name}”" in question
    assert "100 wrong codes" in question
    assert "Applications unlocked: 1. Wrong codes forgotten: 100." in said(console.post(path))
    assert not FraudLock.objects.exists()
    assert not CodeFailures.objects.exists()
    assert last("USER_UNLOCKED").details["who"] == "olga"
    assert "is not locked" in said(console.post(path))
    assert Event.objects.filter(event_type="USER_UNLOCKED").count() == 1
    assert path not in user_page(console, "anna").content.decode()


def test_wrong_codes_without_a_lock_are_shown_and_left_alone(console, db):
    CodeFailures.objects.create(user_id="anna", count=3)
    page = user_page(console, "anna").content.decode()
    assert "Consecutive wrong verification codes: 3 of 100." in page
    assert "unlock-user" not in page
    console.post(f"{LIST}unlock-user/?user=anna")
    assert CodeFailures.objects.get().count == 3


def test_a_lock_that_ends_by_itself_says_when_and_is_none_afterwards(console, locked):
    FraudLock.objects.all().delete()
    GeneralConfiguration.objects.update_or_create(defaults={"code_lock_seconds": 600})
    assert "This lock ends automatically on" in user_page(console, "anna").content.decode()
    CodeFailures.objects.update(locked_at=timezone.now() - timedelta(seconds=601))
    assert "This user is not locked" in user_page(console, "anna").content.decode()


def test_unlocking_is_for_administrators(locked):
    for role in ("operator", "helpdesk"):
        browser = browser_of(role, role)
        assert "unlock-user" not in user_page(browser, "anna").content.decode()
        assert browser.post(f"{LIST}unlock-user/?user=anna").status_code == 403
    assert CodeFailures.objects.exists()


ENROL = f"{LIST}enrol-device/"


def code_in(page):
    [code] = re.findall(r'id="enrollment-code">(\w+)<', page.content.decode())
    return code


def test_a_device_enrols_with_the_code_that_the_console_shows_once(console, client, version, caplog):
    application = version.application
    form = console.get(f"{ENROL}?user=eva").content.decode()
    assert 'value="eva"' in form
    assert not EnrollmentCode.objects.exists()
    answer = console.post(ENROL, {"user_id": "eva", "application": application.identifier})
    code, content = code_in(answer), answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    expected = segno.make(answer.context["uri"], error="m").svg_inline(scale=5, light="#fff", dark="#000")
    assert expected in content
    assert f"code={code}" in answer.context["uri"]
    assert f"until {answer.context['expires_at']:%H:%M:%S}" in content
    event = last("ENROLLMENT_CODE_CREATED")
    assert (event.user_id, event.app_name, event.details) == ("eva", application.name, {"who": "olga"})
    assert code not in str(list(EnrollmentCode.objects.values())) + str(list(Event.objects.values())) + caplog.text
    assert code not in console.get(ENROL).content.decode()

    phone = TestDevice("")
    phone.client = client
    told = {"platform": "android", "app_version": "1.0.0", "device_name": "Eva's"}
    phone.enroll(code, application_id=application.identifier, **told)
    assert listed(user_page(console, "eva")) == ["Eva's"]


def test_pressing_twice_makes_another_code_and_never_shows_the_first_again(console, version):
    fields = {"user_id": "eva", "application": version.application.identifier}
    first, second = (code_in(console.post(ENROL, fields)) for _ in range(2))
    assert first != second


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\0b"])
def test_a_code_needs_a_user_id_and_an_application(console, version, user_id):
    fields = {"user_id": user_id, "application": version.application.identifier}
    for wrong in (fields, {"user_id": "eva", "application": "nonsense"}, {"user_id": "eva"}, {}):
        answer = console.post(ENROL, wrong)
        assert answer.status_code == 200
        assert "enrollment-code" not in answer.content.decode()
    assert not EnrollmentCode.objects.exists()


def test_no_code_is_made_while_enrolment_is_off(console, version):
    GeneralConfiguration.objects.update_or_create(defaults={"enrollment_enabled": False})
    assert "Enrolment is turned off" in console.get(ENROL).content.decode()
    console.post(ENROL, {"user_id": "eva", "application": version.application.identifier})
    assert not EnrollmentCode.objects.exists()


def test_helpdesk_sees_devices_profiles_and_events_and_has_no_button(shared):
    browser = browser_of("helpdesk")
    page = user_page(browser, "anna")
    assert len(listed(page)) == 2
    profile = browser.get(address("anna", "change", shared))
    assert "bert" in profile.content.decode()
    for content in (page.content.decode(), profile.content.decode()):
        assert "PUSH ENROLLMENT SUCCESS" in content
        assert not re.search(rf"{'|'.join(REMOVALS)}|send-test-push|enrol-device|unlock-user", content)
    assert browser.get(ENROL).status_code == 403
    assert browser.post(ENROL).status_code == 403


def test_no_page_of_a_user_shows_a_key_or_a_push_token(console, shared):
    row = PushEnrollment.objects.get()
    profile = Profile.objects.select_related("device").get(user_id="anna", device__device_id=shared.device_id)
    hidden = [row.token, row.token_hash, profile.device.token_hash, max(profile.public_key.splitlines(), key=len)]
    pages = [f"{LIST}?q=anna", address("anna", "change", shared)]
    pages += [address("anna", button, shared) for button in REMOVALS]
    for path in pages:
        content = console.get(path).content.decode()
        assert [text for text in hidden if text in content] == [], path


def test_the_commands_say_who_made_a_code(version):
    call_command("enrollment_code", "eva", version.application.identifier, stdout=StringIO())
    assert last("ENROLLMENT_CODE_CREATED").details == {"who": "enrollment_code"}
