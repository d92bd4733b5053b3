"""Taking single things from a user on a device."""

import pytest

from apps.demo.device import Refused
from apps.enrollment.models import Device, PushEnrollment
from apps.events.models import Event
from tests.users.conftest import PIN, register_all
from tests.users.test_delete import UNKNOWN, is_unknown

WHATS = ["Fingerprint", "MobileAuthentication", "PushAuthentication"]


def told(event_type):
    """Return user, client and device of the events of a type."""
    found = Event.objects.filter(event_type=event_type).order_by("id")
    return [(event.user_id, event.client_id, event.details["device_id"]) for event in found]


def test_the_fingerprint_alone_is_revoked(any_api, api, device, share):
    register_all(device)
    bens = share(device)
    register_all(bens)
    answer = any_api.disable("Fingerprint", device.device_id)
    assert (answer.status_code, answer.content) == (204, b"")
    [annas], [others] = api.devices("anna"), api.devices("ben")
    assert annas["tokenTypes"] == ["DEFAULT", "CUSTOM_AUTHENTICATOR"]
    assert annas["pushAuthenticationEnabled"]
    assert "FINGER_PRINT" in others["tokenTypes"]
    assert told("AUTHENTICATOR_REVOKED") == [("anna", any_api.portal.api_client.client_id, device.device_id)]
    device.register_fingerprint(pin=PIN)
    assert "FINGER_PRINT" in api.devices()[0]["tokenTypes"]


def test_a_revoked_fingerprint_approves_nothing(api, portal, device, make_fingerprint_type):
    register_all(device)
    started = portal.start(make_fingerprint_type, device).json()["transaction_id"]
    challenge = device.fetch(started)
    api.disable("Fingerprint", device.device_id)
    with pytest.raises(Refused) as refused:
        device.answer(challenge, approve=True, authenticator="fingerprint")
    assert refused.value.status in (400, 403)
    assert portal.result(started).json()["status"] == "pending"
    assert device.answer(challenge, approve=True, pin=PIN) == "authenticated"


@pytest.fixture
def make_fingerprint_type(mobile_type):
    mobile_type.method = "push_with_fingerprint"
    mobile_type.save()
    return mobile_type


def test_without_push_the_user_can_still_scan(any_api, api, portal, mobile_type, device):
    register_all(device)
    answer = any_api.disable("PushAuthentication", device.device_id)
    assert (answer.status_code, answer.content) == (204, b"")
    [left] = api.devices()
    assert (left["mobileAuthenticationEnabled"], left["pushAuthenticationEnabled"]) == (True, False)
    assert len(left["tokenTypes"]) == 3
    assert portal.start(mobile_type, device).json()["error_code"] == "1001"
    mobile_type.method = "otp"
    mobile_type.save()
    otp = portal.post(
        "/oauth/api/v4/authenticate/user", {"type": mobile_type.name, "callback_uri": "http://127.0.0.1:9/callback"}
    ).json()["otp"]
    assert device.answer(device.claim_otp(otp), approve=True) == "authenticated"
    assert told("ADMIN_PUSH_ENROLLMENT_REVOKED") == [("anna", any_api.portal.api_client.client_id, device.device_id)]
    device.enroll_push("a new token")
    assert api.devices()[0]["pushAuthenticationEnabled"]


def test_push_of_another_user_of_the_device_goes_on(any_api, device, share):
    share(device)
    any_api.disable("PushAuthentication", device.device_id)
    assert PushEnrollment.objects.get().profile.user_id == "ben"


def test_without_mobile_authentication_the_user_is_gone_from_the_device(any_api, device):
    register_all(device)
    answer = any_api.disable("MobileAuthentication", device.device_id)
    assert (answer.status_code, answer.content) == (204, b"")
    assert any_api.listed().status_code == 404
    assert is_unknown(device)
    assert not Device.objects.exists()
    assert told("ADMIN_USER_CLIENT_KEYS_REVOKED") == [("anna", any_api.portal.api_client.client_id, device.device_id)]


def test_another_user_keeps_mobile_authentication(any_api, device, share):
    bens = share(device)
    any_api.disable("MobileAuthentication", device.device_id)
    assert any_api.listed("anna").status_code == 404
    [left] = any_api.devices("ben")
    assert left["id"] == device.device_id
    assert bens.pending() == []


@pytest.mark.parametrize("device_id", UNKNOWN)
@pytest.mark.parametrize("what", WHATS)
def test_what_is_not_there_needs_no_revoking(any_api, device, what, device_id):
    register_all(device)
    before = Event.objects.count()
    assert any_api.disable(what, device_id).status_code == 204
    assert any_api.disable(what, device.device_id, "ben").status_code == 204
    assert Event.objects.count() == before


@pytest.mark.parametrize("what", WHATS)
def test_revoking_twice_is_revoking_once(any_api, device, what):
    register_all(device)
    assert any_api.disable(what, device.device_id).status_code == 204
    once = Event.objects.count()
    assert any_api.disable(what, device.device_id).status_code == 204
    assert Event.objects.count() == once
