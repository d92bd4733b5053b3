"""`send_test_push`: to a user's own phone, and what the push service answered."""

import json

import pytest

from apps.enrollment.models import Profile, PushEnrollment
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from tests.commands.command_runner import run
from tests.commands.conftest import BUNDLE, ios_version
from tests.fakes import apns, fcm

pytestmark = pytest.mark.django_db

PUSH_TOKEN = "a1" * 32


@pytest.fixture
def phone(enroll, with_key):
    """An iPhone of anna's."""
    return enroll(push_token=PUSH_TOKEN, version=ios_version(with_key(), application__name="Shop"))


def test_it_sends_and_says_what_the_push_service_answered(apple, phone):
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "push_messaging_configuration: apple",
        "outcome:                      accepted",
        "http_status:                  200",
        "application:                  Shop 1.0.0 (iOS)",
        "device_name:                  Phone of anna",
    ]
    [push] = apple.received
    assert (push["key"], push["headers"]["apns-topic"]) == (PUSH_TOKEN, BUNDLE)
    assert json.loads(push["body"])["aps"]["alert"] == "This is a test. No answer is required."


def test_it_prints_json(apple, phone):
    assert json.loads(run("send_test_push", "anna", phone.device_id.lower(), "--json").out) == {
        "push_messaging_configuration": "apple",
        "outcome": "accepted",
        "http_status": 200,
        "application": "Shop 1.0.0 (iOS)",
        "device_name": "Phone of anna",
    }


def test_a_phone_with_android_is_reached_by_way_of_google(google, enroll, version, with_service_account):
    version.push_messaging_configuration = with_service_account()
    version.save()
    phone = enroll(push_token="push-token")
    assert run("send_test_push", "anna", phone.device_id).code == 0
    [message] = [json.loads(one["body"])["message"] for one in google.received if one["key"] == "push-token"]
    assert json.loads(message["data"]["content"])["og_profile_id"] == Profile.objects.get().profile_id


@pytest.mark.parametrize(
    ("answer", "told", "remedy"),
    [
        (apns.TOPIC_DISALLOWED, "misconfigured (TopicDisallowed)", "Compare the bundle identifier of the version"),
        (apns.INVALID_PROVIDER_TOKEN, "misconfigured (InvalidProviderToken)", "Compare key ID and team ID"),
        (apns.BAD_DEVICE_TOKEN, "dead_token (BadDeviceToken)", "The app must enrol for push again."),
        (apns.SERVICE_UNAVAILABLE, "retry (ServiceUnavailable)", "Try again later."),
        (apns.rejection(400, "Novelty"), "refused (Novelty)", "Report this problem"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_was_not_taken_is_one_line_with_its_remedy(apple, phone, answer, told, remedy):
    apple.script[PUSH_TOKEN] = [answer]
    ran = run("send_test_push", "anna", phone.device_id, "--json")
    assert (ran.code, ran.out, len(ran.problems)) == (1, "", 1)
    assert ran.err.startswith(f"The provider of apple did not accept the push: {told}. ")
    assert remedy in ran.err
    assert PUSH_TOKEN not in ran.err


def test_a_dead_token_is_removed_and_the_next_try_says_that_there_is_none(apple, phone):
    apple.script[PUSH_TOKEN] = [apns.BAD_DEVICE_TOKEN]
    run("send_test_push", "anna", phone.device_id)
    assert not PushEnrollment.objects.exists()
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, ran.out) == (1, "")
    assert ran.problems == ["The device has no push token for this user. The app must enrol for push again."]


def test_a_refused_assertion_is_told_in_google_s_own_words(google, enroll, version, with_service_account):
    version.push_messaging_configuration = with_service_account()
    version.save()
    phone = enroll(push_token="push-token")
    google.script["/token"] = [fcm.INVALID_GRANT]
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, len(ran.problems)) == (1, 1)
    assert "misconfigured (no access token: invalid_grant" in ran.err
    assert "Create a new key in Google's console" in ran.err


def test_a_version_without_push_is_told(enroll, apple, phone):
    version = Profile.objects.get().device.version
    version.push_messaging_configuration, version.bundle_identifier = None, ""
    version.save()
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, ran.out) == (1, "")
    assert ran.problems == [
        "The version Shop 1.0.0 (iOS) has no push messaging configuration, so the device gets no pushes."
    ]


def test_a_disabled_version_gets_no_push(apple, phone):
    version = Profile.objects.get().device.version
    version.status = "disabled"
    version.save()
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, ran.out) == (1, "")
    assert ran.problems == [
        "The version Shop 1.0.0 (iOS) is disabled. Its devices count as not enrolled and get no pushes."
    ]
    assert apple.received == []


def test_a_refused_credential_is_replaced_once_as_for_any_push(apple, phone):
    apple.script[PUSH_TOKEN] = [apns.EXPIRED_PROVIDER_TOKEN]
    assert run("send_test_push", "anna", phone.device_id).code == 0
    assert len({push["headers"]["authorization"] for push in apple.received}) == 2
    [event] = Event.objects.filter(event_type="ADMIN_TEST_PUSH_SENT")
    assert event.details["outcome"] == "accepted"


def test_a_credential_that_is_refused_twice_is_a_fault_of_the_configuration(apple, phone):
    apple.script[PUSH_TOKEN] = [{**apns.EXPIRED_PROVIDER_TOKEN, "repeat": True}]
    ran = run("send_test_push", "anna", phone.device_id)
    assert (ran.code, len(apple.received)) == (1, 2)
    assert "misconfigured (ExpiredProviderToken). Apple does not accept this signing key." in ran.err
    assert PushMessagingConfiguration.objects.get(name="apple").delivery_error == "ExpiredProviderToken"


@pytest.mark.parametrize(("user", "device"), [("bert", None), ("anna", "0" * 64), ("anna", "x"), ("", "")])
def test_an_unknown_user_or_device_is_one_line(apple, phone, user, device):
    ran = run("send_test_push", user, phone.device_id if device is None else device)
    assert (ran.code, ran.out) == (1, "")
    assert ran.problems == [f"The user “{user}” has no device with this id."]
    assert apple.received == []


def test_another_user_on_the_same_device_is_another_profile(apple, phone, enroll):
    version = Profile.objects.get().device.version
    enroll("bert", push_token="", version=version, device=phone)
    ran = run("send_test_push", "bert", phone.device_id)
    assert (ran.code, "no push token" in ran.err) == (1, True)
    assert run("send_test_push", "anna", phone.device_id).code == 0
