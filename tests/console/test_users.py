"""Users in the console: their page and the actions of support staff."""

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
from django.utils.html import escape

from apps.applications.models import Application, ApplicationVersion
from apps.demo.device import DeviceApiError
from apps.enrollment.models import Device, EnrollmentCode, FraudLock, Profile, PushEnrollment
from apps.events.models import Event
from apps.system.models import GeneralConfiguration
from apps.transactions.models import CodeFailures
from tests import factories
from tests.conftest import TestDevice
from tests.console.test_roles import sign_in_as

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


def message_text(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def latest_event(event_type):
    return Event.objects.filter(event_type=event_type).latest("id")


def press(console, path):
    """Open the confirmation page and submit it."""
    page = console.get(path)
    assert page.status_code == 200
    fields = re.findall(r'<input type="hidden" name="(state_token)" value="([^"]*)"', page.content.decode())
    return console.post(path, dict(fields))


@pytest.fixture
def shared_phone(enroll, version):
    """Device shared by anna, bert and chloe; anna has a second one."""
    phone = enroll("anna")
    for user in ("bert", "chloe"):
        enroll(user, device=phone, push_token="")
    enroll("anna", push_token="")
    return phone


def test_user_search_shows_exact_match_with_details(console, enroll, version):
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
    assert "Device enrolled for push" in content
    assert f'href="{LIST}{Profile.objects.get(user_id="anna").pk}/change/' in content
    for other in ("anna ", "an%", "an_a"):
        assert listed(user_page(console, other)) == [], other
    assert user_page(console, "\0").status_code == 200


def test_user_without_devices_has_events_and_locks(console, db):
    CodeFailures.objects.create(user_id="sms@example.com", count=100, locked_at=timezone.now())
    page = user_page(console, "sms@example.com")
    assert "SMS and code to phone are locked after 100 consecutive wrong codes." in page.content.decode()
    assert f'href="{LIST}unlock-user/?user=sms%40example.com"' in page.content.decode()


def test_user_without_device_can_be_unlocked(console, device, version):
    factories.FraudLockFactory()
    device.unenroll()
    page = user_page(console, "anna")
    assert listed(page) == []
    assert f"Locked in “{version.application.name}” after a fraud report" in page.content.decode()
    path = f"{LIST}unlock-user/?user=anna"
    assert f'href="{path}"' in page.content.decode()
    assert "Applications unlocked: 1." in message_text(press(console, path))
    assert not FraudLock.objects.exists()


def test_user_page_shows_latest_20_events(console, db):
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


def test_user_page_query_count_is_constant(console, enroll):
    enroll("anna")
    profile = Profile.objects.get()
    paths = [f"{LIST}?q=anna", f"{LIST}{profile.pk}/change/", f"{LIST}{profile.pk}/delete-device/"]
    # The first request creates the rows of the settings.
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
def test_user_actions_require_confirmation(console, shared_phone, button):
    before = Profile.objects.count(), PushEnrollment.objects.count(), Event.objects.count()
    path = address("anna", button, shared_phone)
    change = console.get(path.replace(button, "change")).content.decode()
    assert f'href="{path}"' in change
    for request_method in (console.get, console.head):
        assert request_method(path).status_code == 200
    confirmation = console.get(path).content.decode()
    assert '<li class="console-heading-text">anna</li>' in confirmation or "“anna”" in confirmation
    assert "csrfmiddlewaretoken" in confirmation
    assert (Profile.objects.count(), PushEnrollment.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("button", REMOVALS)
def test_user_actions_require_csrf_token_and_permission(administrator, shared_phone, button):
    path = address("anna", button, shared_phone)
    anonymous = Client(enforce_csrf_checks=True)
    anonymous.force_login(administrator)
    assert anonymous.post(path).status_code == 403
    for role in ("operator", "helpdesk"):
        browser = sign_in_as(role, role)
        assert browser.post(path).status_code == 403
        assert browser.get(path).status_code == 403
    assert Profile.objects.filter(user_id="anna").count() == 2
    assert PushEnrollment.objects.count() == 1


def test_disconnect_removes_one_profile_only(console, shared_phone):
    path, event_type = address("anna", "disconnect-user", shared_phone), "ADMIN_USER_DISCONNECTED"
    response = press(console, path)
    assert response["Location"] == f"{LIST}?q=anna"
    assert "“anna”" in message_text(response)
    assert sorted(Profile.objects.values_list("user_id", flat=True)) == ["anna", "bert", "chloe"]
    event = latest_event(event_type)
    assert (event.user_id, event.details) == ("anna", {"device_id": shared_phone.device_id, "who": "olga"})
    again = console.post(path)
    assert (again.status_code, Event.objects.filter(event_type=event_type).count()) == (302, 1)
    assert "Nothing was changed" in message_text(again)
    assert console.get(path).status_code == 404


def test_revoking_mobile_authentication_keeps_profile(console, shared_phone):
    path = address("anna", "revoke-mobile-authentication", shared_phone)
    profile_page = path.replace("revoke-mobile-authentication", "change")
    response = press(console, path)
    assert (response["Location"], message_text(response)) == (
        profile_page,
        "The keys of “anna” on “Phone of chloe” were deleted.",
    )
    profile = Profile.objects.get(user_id="anna", device__device_id=shared_phone.device_id)
    assert (profile.has_keys, profile.public_key, profile.fingerprint) == (False, "", "")
    assert Profile.objects.filter(server_key__isnull=False).count() == 3
    assert ">removed<" in console.get(profile_page).content.decode()
    assert ">removed<" in user_page(console, "anna").content.decode()
    test_push = console.get(path.replace("revoke-mobile-authentication", "send-test-push")).content.decode()
    assert "The user's keys on this device were deleted." in html.unescape(test_push)
    assert latest_event("ADMIN_USER_CLIENT_KEYS_REVOKED").details == {
        "device_id": shared_phone.device_id,
        "who": "olga",
    }
    assert "Nothing was changed" in message_text(console.post(path))
    assert Event.objects.filter(event_type="ADMIN_USER_CLIENT_KEYS_REVOKED").count() == 1


def test_revoking_push_keeps_keys(console, device):
    path = address("anna", "revoke-push")
    assert "Push notifications of “anna” on “Phone of anna” were revoked." in message_text(press(console, path))
    assert not PushEnrollment.objects.exists()
    assert Profile.objects.exists()
    assert latest_event("ADMIN_PUSH_ENROLLMENT_REVOKED").details == {"device_id": device.device_id, "who": "olga"}
    assert "Nothing was changed" in message_text(press(console, path))
    assert Event.objects.filter(event_type="ADMIN_PUSH_ENROLLMENT_REVOKED").count() == 1


def test_device_is_deleted_with_all_profiles(console, shared_phone):
    path = address("anna", "delete-device", shared_phone)
    confirmation = console.get(path).content.decode()
    assert "Delete “Phone of chloe” and disconnect its 3 users?" in confirmation
    assert re.findall(r'<li class="console-heading-text">(\w+)</li>', confirmation) == ["anna", "bert", "chloe"]
    assert "3 users were disconnected" in message_text(press(console, path))
    assert not Device.objects.filter(device_id=shared_phone.device_id).exists()
    assert Profile.objects.get().user_id == "anna"
    events = Event.objects.filter(event_type="ADMIN_DEVICE_DELETED")
    assert sorted(event.user_id for event in events) == ["anna", "bert", "chloe"]
    assert {event.details["who"] for event in events} == {"olga"}
    with pytest.raises(DeviceApiError):
        shared_phone.call("GET", "/device/v1/transactions")


def test_new_user_of_device_requires_new_confirmation(console, shared_phone, enroll):
    path = address("anna", "delete-device", shared_phone)
    [state_token] = re.findall(r'name="state_token" value="(\w+)"', console.get(path).content.decode())
    enroll("dirk", device=shared_phone, push_token="")
    for token in (state_token, "", "x"):
        response = console.post(path, {"state_token": token})
        assert response["Location"] == path
        assert "confirm again" in message_text(response)
    assert Profile.objects.filter(device__device_id=shared_phone.device_id).count() == 4
    assert "4 users were disconnected" in message_text(press(console, path))


def test_test_push_event_has_actor(console, device):
    console.post(address("anna", "send-test-push"))
    details = latest_event("ADMIN_TEST_PUSH_SENT").details
    assert details["who"] == "olga"
    assert details["device_id"] == device.device_id
    assert "push-token-of-anna" not in str(details)


@pytest.fixture
def locked(device):
    factories.FraudLockFactory()
    CodeFailures.objects.create(user_id="anna", count=100, locked_at=timezone.now())


def test_locked_user_is_unlocked_once(console, locked):
    path = f"{LIST}unlock-user/?user=anna"
    profile_page = f"{LIST}{Profile.objects.get().pk}/change/"
    assert f'href="{path}"' in user_page(console, "anna").content.decode()
    assert f'href="{path}"' in console.get(profile_page).content.decode()
    confirmation = console.get(path).content.decode()
    assert "Unlock “anna”?" in confirmation
    assert f"“{Application.objects.get().name}”" in confirmation
    assert "100 consecutive wrong codes" in confirmation
    assert "Applications unlocked: 1. Wrong codes cleared: 100." in message_text(console.post(path))
    assert not FraudLock.objects.exists()
    assert not CodeFailures.objects.exists()
    assert latest_event("USER_UNLOCKED").details["who"] == "olga"
    assert "is not locked" in message_text(console.post(path))
    assert Event.objects.filter(event_type="USER_UNLOCKED").count() == 1
    assert path not in user_page(console, "anna").content.decode()


def test_wrong_codes_without_lock_are_shown(console, db):
    CodeFailures.objects.create(user_id="anna", count=3)
    page = user_page(console, "anna").content.decode()
    assert "Consecutive wrong verification codes: 3 of 100." in page
    assert "unlock-user" not in page
    console.post(f"{LIST}unlock-user/?user=anna")
    assert CodeFailures.objects.get().count == 3


def test_temporary_lock_shows_its_end(console, locked):
    FraudLock.objects.all().delete()
    GeneralConfiguration.objects.update_or_create(defaults={"code_lock_seconds": 600})
    assert "This lock ends automatically on" in user_page(console, "anna").content.decode()
    CodeFailures.objects.update(locked_at=timezone.now() - timedelta(seconds=601))
    assert "This user is not locked" in user_page(console, "anna").content.decode()


def test_unlock_requires_administrator(locked):
    for role in ("operator", "helpdesk"):
        browser = sign_in_as(role, role)
        assert "unlock-user" not in user_page(browser, "anna").content.decode()
        assert browser.post(f"{LIST}unlock-user/?user=anna").status_code == 403
    assert CodeFailures.objects.exists()


ENROLL = f"{LIST}enrol-device/"


def code_in(page):
    [code] = re.findall(r'id="enrollment-code">([\w-]+)<', page.content.decode())
    return code


def test_enrollment_code_is_shown_once(console, client, version, caplog):
    application = version.application
    form = console.get(f"{ENROLL}?user=eva").content.decode()
    assert 'value="eva"' in form
    assert not EnrollmentCode.objects.exists()
    response = console.post(ENROLL, {"user_id": "eva", "application": application.identifier})
    code, content = code_in(response), response.content.decode()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    expected = segno.make(response.context["uri"], error="m").svg_inline(scale=5, light="#fff", dark="#000")
    assert expected in content
    assert f"code={code}" in response.context["uri"]
    assert f"until {response.context['expires_at']:%H:%M:%S}" in content
    event = latest_event("ENROLLMENT_CODE_CREATED")
    assert (event.user_id, event.app_name, event.details) == ("eva", application.name, {"who": "olga"})
    assert code not in str(list(EnrollmentCode.objects.values())) + str(list(Event.objects.values())) + caplog.text
    assert code not in console.get(ENROLL).content.decode()

    phone = TestDevice("")
    phone.client = client
    enrollment_fields = {"platform": "android", "app_version": "1.0.0", "device_name": "Eva's"}
    phone.enroll(code, application_id=application.identifier, **enrollment_fields)
    assert listed(user_page(console, "eva")) == ["Eva's"]


def test_page_shows_the_link_to_the_web_phone_if_the_application_has_it(console, version, settings):
    fields = {"user_id": "eva", "application": version.application.identifier}
    assert "web-enrollment-link" not in console.post(ENROLL, fields).content.decode()
    Application.objects.update(web_phone=True)
    response = console.post(ENROLL, fields)
    link, content = response.context["web_uri"], response.content.decode()
    assert link.startswith(f"{settings.PUBLIC_URL}/phone/#")
    assert link.endswith(f"&code={code_in(response)}")
    assert f'id="web-enrollment-link">{escape(link)}<' in content
    assert segno.make(link, error="m").svg_inline(scale=5, light="#fff", dark="#000") in content


def test_repeated_form_creates_new_enrollment_code(console, version):
    fields = {"user_id": "eva", "application": version.application.identifier}
    first, second = (code_in(console.post(ENROLL, fields)) for _ in range(2))
    assert first != second


@pytest.mark.parametrize("user_id", ["", "x" * 256, "a\0b"])
def test_enrollment_code_requires_user_and_application(console, version, user_id):
    fields = {"user_id": user_id, "application": version.application.identifier}
    for wrong in (fields, {"user_id": "eva", "application": "nonsense"}, {"user_id": "eva"}, {}):
        response = console.post(ENROLL, wrong)
        assert response.status_code == 200
        assert "enrollment-code" not in response.content.decode()
    assert not EnrollmentCode.objects.exists()


def test_enrollment_code_requires_enrollment_feature(console, version):
    GeneralConfiguration.objects.update_or_create(defaults={"enrollment_enabled": False})
    assert "Enrolment is turned off" in console.get(ENROLL).content.decode()
    console.post(ENROLL, {"user_id": "eva", "application": version.application.identifier})
    assert not EnrollmentCode.objects.exists()


def test_helpdesk_user_page_has_no_buttons(shared_phone):
    browser = sign_in_as("helpdesk")
    page = user_page(browser, "anna")
    assert len(listed(page)) == 2
    profile = browser.get(address("anna", "change", shared_phone))
    assert "bert" in profile.content.decode()
    for content in (page.content.decode(), profile.content.decode()):
        assert "Device enrolled for push" in content
        assert not re.search(rf"{'|'.join(REMOVALS)}|send-test-push|enrol-device|unlock-user", content)
    assert browser.get(ENROLL).status_code == 403
    assert browser.post(ENROLL).status_code == 403


def test_user_pages_show_no_keys_or_push_tokens(console, shared_phone):
    row = PushEnrollment.objects.get()
    profile = Profile.objects.select_related("device").get(user_id="anna", device__device_id=shared_phone.device_id)
    hidden = [row.token, row.token_hash, profile.device.token_hash, max(profile.public_key.splitlines(), key=len)]
    pages = [f"{LIST}?q=anna", address("anna", "change", shared_phone)]
    pages += [address("anna", button, shared_phone) for button in REMOVALS]
    for path in pages:
        content = console.get(path).content.decode()
        assert [text for text in hidden if text in content] == [], path


def test_enrollment_code_event_names_command(version):
    call_command("enrollment_code", "eva", version.application.identifier, stdout=StringIO())
    assert latest_event("ENROLLMENT_CODE_CREATED").details == {"who": "enrollment_code"}
