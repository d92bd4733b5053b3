"""GET /device/v1/enrollments: state of a device's profiles."""

import pytest

from apps.enrollment.models import Authenticator, Profile
from tests import factories
from tests.api.calls import ENROLLMENTS, error_of
from tests.api.test_query_budget import cached_configuration, queries_of  # noqa: F401 - a fixture
from tests.devices.conftest import TokenDevice

pytestmark = pytest.mark.usefixtures("each_kind")

BUDGET = 3


def authenticators(profile):
    return [
        (each["type"], each.get("authenticator_id"), each["allowed"], each["registered"])
        for each in profile["authenticators"]
    ]


def test_new_profile_has_every_member_and_no_user_id(new_device, client, version):
    device = new_device("anna@example.com", push_token="")
    response = client.get(ENROLLMENTS, headers={"Authorization": f"Bearer {device.device_token}"})
    assert response.json() == {
        "profiles": [
            {
                "profile_id": device.profile_id,
                "application_id": version.application.identifier,
                "version_status": "enabled",
                "push_enrolled": False,
                "requests": "off",
                "locked": False,
                "used_pin_attempts": 0,
                "max_pin_attempts": 3,
                "authenticators": [
                    {"type": "pin", "allowed": True, "registered": False},
                    {"type": "fingerprint", "allowed": True, "registered": False},
                    {"type": "custom", "authenticator_id": "face", "allowed": True, "registered": False},
                    {"type": "custom", "authenticator_id": "voice", "allowed": True, "registered": False},
                ],
            }
        ]
    }


def test_profile_state_reflects_changes(device, start_challenge, respond, set_application):
    assert respond(start_challenge("pin"), "pin", token="wrong").status_code == 403
    [profile] = device.enrollments()
    assert (profile["push_enrolled"], profile["used_pin_attempts"], profile["locked"]) == (True, 1, False)
    factories.FraudLockFactory()
    set_application(max_pin_attempts=0)
    [profile] = device.enrollments()
    assert (profile["locked"], profile["max_pin_attempts"]) == (True, 0)


def test_registered_authenticators_are_listed_if_no_longer_allowed(device, set_application):
    set_application(fingerprint_enabled=False, custom_authenticators=["voice"])
    assert authenticators(device.enrollments()[0]) == [
        ("pin", None, True, True),
        ("fingerprint", None, False, True),
        ("custom", "voice", True, False),
        ("custom", "face", False, True),
    ]


def test_custom_authenticators_are_not_allowed_while_the_feature_is_off(device, set_feature):
    set_feature(custom_authenticators=False)
    assert authenticators(device.enrollments()[0])[2:] == [
        ("custom", "face", False, True),
        ("custom", "voice", False, False),
    ]


@pytest.mark.parametrize("status", ["enabled", "login_only", "disabled"])
def test_profiles_are_listed_whatever_the_version_status(device, version, status):
    version.status = status
    version.save()
    assert [profile["version_status"] for profile in device.enrollments()] == [status]


def test_each_device_lists_its_own_profiles(new_device, enroll):
    anna = new_device("anna")
    bert = TokenDevice(device_id=anna.device_id, device_token=anna.device_token)
    enroll("bert", device=bert, push_token="")
    new_device("carl")
    assert [profile["profile_id"] for profile in bert.enrollments()] == [anna.profile_id, bert.profile_id]


@pytest.mark.parametrize("token", ["", "unknown"])
def test_list_needs_the_device_token(client, db, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert error_of(client.get(ENROLLMENTS, headers=headers)) == (401, "invalid_device_token")


def test_list_keeps_its_query_budget(device, enroll, client):
    def call():
        return client.get(ENROLLMENTS, headers={"Authorization": f"Bearer {device.device_token}"})

    call()
    before = queries_of(call)
    assert len(before) <= BUDGET, "\n".join(before)
    for number in range(3):
        other = TokenDevice(device_id=device.device_id, device_token=device.device_token)
        enroll(f"user-{number}", device=other, push_token=f"token-{number}")
        profile = Profile.objects.get(profile_id=other.profile_id, device__device_id=device.device_id)
        Authenticator.objects.create(profile=profile, type="pin", token_hash="x")
    factories.ApplicationVersionFactory()
    assert len(queries_of(call)) == len(before)
