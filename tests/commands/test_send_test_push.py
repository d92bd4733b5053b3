"""`send_test_push` sends a push to a device and prints the response of the provider."""

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
    """Return an iPhone of anna."""
    return enroll(push_token=PUSH_TOKEN, version=ios_version(with_key(), application__name="Shop"))


def test_push_is_sent_and_the_response_is_printed(apple, phone):
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, result.err) == (0, "")
    assert result.lines == [
        "push_messaging_configuration: apple",
        "outcome:                      accepted",
        "http_status:                  200",
        "application:                  Shop 1.0.0 (iOS)",
        "device_name:                  Phone of anna",
    ]
    [push] = apple.received
    assert (push["key"], push["headers"]["apns-topic"]) == (PUSH_TOKEN, BUNDLE)
    assert json.loads(push["body"])["aps"]["alert"] == "This is a test. No answer is required."


def test_result_is_printed_as_json(apple, phone):
    assert json.loads(run("send_test_push", "anna", phone.device_id.lower(), "--json").out) == {
        "push_messaging_configuration": "apple",
        "outcome": "accepted",
        "http_status": 200,
        "application": "Shop 1.0.0 (iOS)",
        "device_name": "Phone of anna",
    }


def test_android_device_gets_the_push_from_fcm(google, enroll, version, with_service_account):
    version.push_messaging_configuration = with_service_account()
    version.save()
    phone = enroll(push_token="push-token")
    assert run("send_test_push", "anna", phone.device_id).code == 0
    [message] = [
        json.loads(request["body"])["message"] for request in google.received if request["key"] == "push-token"
    ]
    assert json.loads(message["data"]["content"])["og_profile_id"] == Profile.objects.get().profile_id


@pytest.mark.parametrize(
    ("response", "expected", "remedy"),
    [
        (apns.TOPIC_DISALLOWED, "misconfigured (TopicDisallowed)", "Compare the bundle identifier of the version"),
        (apns.INVALID_PROVIDER_TOKEN, "misconfigured (InvalidProviderToken)", "Compare key ID and team ID"),
        (apns.BAD_DEVICE_TOKEN, "dead_token (BadDeviceToken)", "The app must enrol for push again."),
        (apns.SERVICE_UNAVAILABLE, "retry (ServiceUnavailable)", "Try again later."),
        (apns.rejection(400, "Novelty"), "refused (Novelty)", "Report this problem"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rejected_push_is_one_line_with_its_remedy(apple, phone, response, expected, remedy):
    apple.script[PUSH_TOKEN] = [response]
    result = run("send_test_push", "anna", phone.device_id, "--json")
    assert (result.code, result.out, len(result.problems)) == (1, "", 1)
    assert result.err.startswith(f"The provider of apple did not accept the push: {expected}. ")
    assert remedy in result.err
    assert PUSH_TOKEN not in result.err


def test_invalid_push_token_is_removed_and_reported_next_time(apple, phone):
    apple.script[PUSH_TOKEN] = [apns.BAD_DEVICE_TOKEN]
    run("send_test_push", "anna", phone.device_id)
    assert not PushEnrollment.objects.exists()
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, result.out) == (1, "")
    assert result.problems == ["The device has no push token for this user. The app must enrol for push again."]


def test_rejected_assertion_is_printed_with_the_reason_of_google(google, enroll, version, with_service_account):
    version.push_messaging_configuration = with_service_account()
    version.save()
    phone = enroll(push_token="push-token")
    google.script["/token"] = [fcm.INVALID_GRANT]
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, len(result.problems)) == (1, 1)
    assert "misconfigured (no access token: invalid_grant" in result.err
    assert "Create a new key in Google's console" in result.err


def test_version_without_push_configuration_is_reported(enroll, apple, phone):
    version = Profile.objects.get().device.version
    version.push_messaging_configuration, version.bundle_identifier = None, ""
    version.save()
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, result.out) == (1, "")
    assert result.problems == [
        "The version Shop 1.0.0 (iOS) has no push messaging configuration, so the device gets no pushes."
    ]


def test_disabled_version_gets_no_push(apple, phone):
    version = Profile.objects.get().device.version
    version.status = "disabled"
    version.save()
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, result.out) == (1, "")
    assert result.problems == [
        "The version Shop 1.0.0 (iOS) is disabled. Its devices count as not enrolled and get no pushes."
    ]
    assert apple.received == []


def test_rejected_access_token_is_renewed_once(apple, phone):
    apple.script[PUSH_TOKEN] = [apns.EXPIRED_PROVIDER_TOKEN]
    assert run("send_test_push", "anna", phone.device_id).code == 0
    assert len({push["headers"]["authorization"] for push in apple.received}) == 2
    [event] = Event.objects.filter(event_type="ADMIN_TEST_PUSH_SENT")
    assert event.details["outcome"] == "accepted"


def test_credential_rejected_twice_is_a_configuration_error(apple, phone):
    apple.script[PUSH_TOKEN] = [{**apns.EXPIRED_PROVIDER_TOKEN, "repeat": True}]
    result = run("send_test_push", "anna", phone.device_id)
    assert (result.code, len(apple.received)) == (1, 2)
    assert (
        "misconfigured (ExpiredProviderToken). Apple considers the provider tokens of this server expired: its clock is"
        in result.err
    )
    assert PushMessagingConfiguration.objects.get(name="apple").delivery_error == "ExpiredProviderToken"


@pytest.mark.parametrize(("user", "device"), [("bert", None), ("anna", "0" * 64), ("anna", "x"), ("", "")])
def test_unknown_user_or_device_is_one_line(apple, phone, user, device):
    result = run("send_test_push", user, phone.device_id if device is None else device)
    assert (result.code, result.out) == (1, "")
    assert result.problems == [f"The user “{user}” has no device with this id."]
    assert apple.received == []


def test_push_is_sent_to_the_profile_of_the_given_user(apple, phone, enroll):
    version = Profile.objects.get().device.version
    enroll("bert", push_token="", version=version, device=phone)
    result = run("send_test_push", "bert", phone.device_id)
    assert (result.code, "no push token" in result.err) == (1, True)
    assert run("send_test_push", "anna", phone.device_id).code == 0
