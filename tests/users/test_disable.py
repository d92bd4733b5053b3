"""Disabling of fingerprint, push and mobile authentication."""

import pytest

from apps.demo.device import DeviceApiError
from apps.enrollment.models import Authenticator, Profile, PushEnrollment
from apps.events.models import Event
from tests import factories
from tests.users.conftest import PIN, register_all
from tests.users.test_delete import UNKNOWN, is_unknown

DISABLE_TARGETS = ["Fingerprint", "MobileAuthentication", "PushAuthentication"]


def recorded_events(event_type):
    """Return the user, client and device of the events of a type."""
    events = Event.objects.filter(event_type=event_type).order_by("id")
    return [(event.user_id, event.client_id, event.details["device_id"]) for event in events]


def test_disable_fingerprint_revokes_only_the_fingerprint(any_api, api, device, share):
    register_all(device)
    bens = share(device)
    register_all(bens)
    response = any_api.disable("Fingerprint", device.device_id)
    assert (response.status_code, response.content) == (204, b"")
    [anna], [ben] = api.devices("anna"), api.devices("ben")
    assert anna["tokenTypes"] == ["DEFAULT", "CUSTOM_AUTHENTICATOR"]
    assert anna["pushAuthenticationEnabled"]
    assert "FINGER_PRINT" in ben["tokenTypes"]
    assert recorded_events("AUTHENTICATOR_REVOKED") == [("anna", any_api.portal.api_client.client_id, device.device_id)]
    device.register_fingerprint(pin=PIN)
    assert "FINGER_PRINT" in api.devices()[0]["tokenTypes"]


def test_revoked_fingerprint_cannot_approve(api, portal, device, make_fingerprint_type):
    register_all(device)
    started = portal.start(make_fingerprint_type, device).json()["transaction_id"]
    challenge = device.fetch(started)
    api.disable("Fingerprint", device.device_id)
    with pytest.raises(DeviceApiError) as rejected:
        device.answer(challenge, approve=True, authenticator="fingerprint")
    assert rejected.value.status in (400, 403)
    assert portal.result(started).json()["status"] == "pending"
    assert device.answer(challenge, approve=True, pin=PIN) == "authenticated"


@pytest.fixture
def make_fingerprint_type(mobile_type):
    mobile_type.method = "push_with_fingerprint"
    mobile_type.save()
    return mobile_type


def test_disabled_push_keeps_otp_available(any_api, api, portal, mobile_type, device):
    register_all(device)
    response = any_api.disable("PushAuthentication", device.device_id)
    assert (response.status_code, response.content) == (204, b"")
    [remaining] = api.devices()
    assert (remaining["mobileAuthenticationEnabled"], remaining["pushAuthenticationEnabled"]) == (True, False)
    assert len(remaining["tokenTypes"]) == 3
    assert portal.start(mobile_type, device).json()["error_code"] == "1001"
    mobile_type.method = "otp"
    mobile_type.save()
    otp = portal.post(
        "/oauth/api/v4/authenticate/user", {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    ).json()["otp"]
    assert device.answer(device.claim_otp(otp), approve=True) == "authenticated"
    assert recorded_events("ADMIN_PUSH_ENROLLMENT_REVOKED") == [
        ("anna", any_api.portal.api_client.client_id, device.device_id)
    ]
    device.enroll_push("a new token")
    assert api.devices()[0]["pushAuthenticationEnabled"]


def test_disable_push_keeps_push_of_other_users(any_api, device, share):
    share(device)
    any_api.disable("PushAuthentication", device.device_id)
    assert PushEnrollment.objects.get().profile.user_id == "ben"


def test_disable_mobile_authentication_keeps_the_device(any_api, api, portal, mobile_type, device):
    register_all(device)
    [before] = api.devices()
    response = any_api.disable("MobileAuthentication", device.device_id)
    assert (response.status_code, response.content) == (204, b"")
    [after] = api.devices()
    removed = {
        "tokenTypes": [],
        "mobileAuthenticationEnabled": False,
        "pushAuthenticationEnabled": False,
        "keyKind": None,
    }
    assert after == before | removed
    assert device.pending() == []
    profile = Profile.objects.get()
    assert (profile.public_key, profile.fingerprint, profile.server_key) == ("", "", None)
    assert not Authenticator.objects.exists()
    assert portal.start(mobile_type, device).json()["error_code"] == "1001"
    # Without keys no type is available, including types without a push.
    factories.TypeFactory(method="otp")
    for path in (f"anna/device/{device.device_id}/enabled", "anna/enabled"):
        assert portal.get(f"/oauth/api/v4/authenticate/user/{path}").json() == {"enabled": []}
    assert recorded_events("ADMIN_USER_CLIENT_KEYS_REVOKED") == [
        ("anna", any_api.portal.api_client.client_id, device.device_id)
    ]


def test_device_without_keys_can_list_unenroll_and_enroll_only(api, portal, mobile_type, device):
    register_all(device)
    started = portal.start(mobile_type, device).json()["transaction_id"]
    challenge = device.fetch(started)
    api.disable("MobileAuthentication", device.device_id)
    assert device.pending() == []
    assert device.enrollments() == []
    calls = [
        lambda: device.fetch(started),
        lambda: device.claim_otp("x"),
        lambda: device.enroll_push("token"),
        lambda: device.register_pin(PIN),
    ]
    for call in calls:
        with pytest.raises(DeviceApiError) as rejected:
            call()
        assert (rejected.value.status, rejected.value.body["error"]) == (404, "invalid_profile")
    with pytest.raises(DeviceApiError) as rejected:
        device.answer(challenge, approve=False)
    assert (rejected.value.status, rejected.value.body["error"]) == (404, "invalid_transaction")
    [listed] = api.devices()
    assert (listed["mobileAuthenticationEnabled"], listed["pushAuthenticationEnabled"]) == (False, False)
    device.unenroll()
    assert is_unknown(device)
    assert api.devices() == []


def test_enrollment_after_revoked_keys_keeps_device_and_profile(api, portal, mobile_type, device, enroll):
    before = (device.device_id, device.profile_id, device.device_token)
    api.disable("MobileAuthentication", device.device_id)
    enroll(device=device)
    assert (device.device_id, device.profile_id, device.device_token) == before
    [listed] = api.devices()
    assert listed["mobileAuthenticationEnabled"]
    started = portal.start(mobile_type, device).json()["transaction_id"]
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


def test_device_without_keys_does_not_affect_push_of_another_device(api, device, enroll):
    api.disable("MobileAuthentication", device.device_id)
    other = enroll(push_token="other")
    assert [listed["pushAuthenticationEnabled"] for listed in api.devices()] == [False, True]
    assert other.pending() == []


def test_another_user_keeps_mobile_authentication(any_api, api, device, share):
    bens = share(device)
    any_api.disable("MobileAuthentication", device.device_id)
    assert [listed["mobileAuthenticationEnabled"] for listed in api.devices("anna")] == [False]
    [remaining] = any_api.devices("ben")
    assert remaining["id"] == device.device_id
    assert [listed["mobileAuthenticationEnabled"] for listed in api.devices("ben")] == [True]
    assert bens.pending() == []


@pytest.mark.parametrize("device_id", UNKNOWN)
@pytest.mark.parametrize("target", DISABLE_TARGETS)
def test_disable_for_an_unknown_device_succeeds(any_api, device, target, device_id):
    register_all(device)
    before = Event.objects.count()
    assert any_api.disable(target, device_id).status_code == 204
    assert any_api.disable(target, device.device_id, "ben").status_code == 204
    assert Event.objects.count() == before


@pytest.mark.parametrize("target", DISABLE_TARGETS)
def test_repeated_disable_records_one_event(any_api, device, target):
    register_all(device)
    assert any_api.disable(target, device.device_id).status_code == 204
    events_after_first = Event.objects.count()
    assert any_api.disable(target, device.device_id).status_code == 204
    assert Event.objects.count() == events_after_first
