"""Listing of a user's devices."""

import re

import pytest

from apps.applications.models import ApplicationVersion
from apps.enrollment.models import Device, PushEnrollment
from apps.events.models import Event
from tests import factories
from tests.api.calls import assert_not_cacheable
from tests.users.conftest import PIN, register_all

V4 = [
    "id",
    "name",
    "application",
    "model",
    "platform",
    "osVersion",
    "createdAt",
    "lastLogin",
    "tokenTypes",
    "mobileAuthenticationEnabled",
    "pushAuthenticationEnabled",
    "keyKind",
]
V3 = [
    "id",
    "name",
    "application",
    "platform",
    "created_at",
    "last_login",
    "token_types",
    "mobile_authentication_enabled",
    "push_authentication_enabled",
]


def milliseconds(timestamp):
    return round(timestamp.timestamp() * 1000)


def test_device_has_all_members(api, device):
    Device.objects.update(model="Pixel 9", os_version="16")
    response, row = api.list_devices(), Device.objects.get()
    assert response.status_code == 200
    assert_not_cacheable(response)
    assert re.fullmatch("[0-9A-F]{64}", device.device_id)
    [listed] = response.json()["devices"]
    assert list(listed) == V4
    assert listed == {
        "id": device.device_id,
        "name": "Phone of anna",
        "application": "Shop",
        "model": "Pixel 9",
        "platform": "android",
        "osVersion": "16",
        "createdAt": milliseconds(row.created_at),
        "lastLogin": milliseconds(row.last_login_at),
        "tokenTypes": [],
        "mobileAuthenticationEnabled": True,
        "pushAuthenticationEnabled": True,
        "keyKind": "jose",
    }


def test_version_3_has_fewer_members_in_snake_case(v3, api, device):
    register_all(device)
    [old], [new] = v3.devices(), api.devices()
    assert list(old) == V3
    assert [old[name] for name in V3[:3]] == [new[name] for name in V4[:3]]
    assert [old[name] for name in V3[3:]] == [new[name] for name in ["platform", *V4[6:-1]]]


def test_token_types_list_registered_authenticators(api, device):
    listed = []
    for register in (
        lambda: device.register_pin(PIN),
        lambda: device.register_fingerprint(pin=PIN),
        lambda: device.register_custom("face", pin=PIN),
    ):
        register()
        listed.append(api.devices()[0]["tokenTypes"])
    assert listed == [
        ["DEFAULT"],
        ["DEFAULT", "FINGER_PRINT"],
        ["DEFAULT", "FINGER_PRINT", "CUSTOM_AUTHENTICATOR"],
    ]


def test_several_custom_authenticators_are_one_token_type(api, device, version):
    version.application.custom_authenticators = ["face", "voice"]
    version.application.save()
    device.register_pin(PIN)
    for name in ("face", "voice"):
        device.register_custom(name, pin=PIN)
    assert api.devices()[0]["tokenTypes"] == ["DEFAULT", "CUSTOM_AUTHENTICATOR"]


def test_token_types_of_another_user_are_not_listed(api, device, share):
    register_all(share(device))
    [annas], [bens] = api.devices("anna"), api.devices("ben")
    assert annas["id"] == bens["id"] == device.device_id
    assert (annas["tokenTypes"], len(bens["tokenTypes"])) == ([], 3)


def test_device_without_a_push_token_has_push_disabled(api, enroll):
    enroll(push_token="")
    [listed] = api.devices()
    assert (listed["mobileAuthenticationEnabled"], listed["pushAuthenticationEnabled"]) == (True, False)


@pytest.mark.parametrize(
    ("change", "mobile"), [({"push_messaging_configuration": None}, True), ({"status": "disabled"}, False)]
)
def test_version_state_affects_the_devices(api, device, change, mobile):
    ApplicationVersion.objects.update(**change)
    [listed] = api.devices()
    assert (listed["mobileAuthenticationEnabled"], listed["pushAuthenticationEnabled"]) == (mobile, False)


def test_last_login_is_the_last_approval(api, portal, mobile_type, device):
    first = api.devices()[0]["lastLogin"]
    started = portal.start(mobile_type, device).json()["transaction_id"]
    device.answer(device.fetch(started), approve=False)
    assert api.devices()[0]["lastLogin"] == first
    started = portal.start(mobile_type, device).json()["transaction_id"]
    device.answer(device.fetch(started), approve=True)
    listed = api.devices()[0]
    assert listed["lastLogin"] > first >= listed["createdAt"]


def test_devices_are_listed_oldest_first(api, enroll):
    devices = [enroll(push_token=""), enroll(push_token=""), enroll(push_token="")]
    enroll(user_id="ben", push_token="")
    assert [listed["id"] for listed in api.devices()] == [device.device_id for device in devices]


@pytest.mark.parametrize("user_id", ["unknown", "u" * 256, "a%00b", "an", "anna2", "ANNA", "%20anna"])
def test_user_without_devices_is_not_found(any_api, device, user_id):
    response = any_api.list_devices(user_id)
    assert (response.status_code, response.json()) == (404, {"error": "No devices found"})
    assert_not_cacheable(response)


def test_no_secret_is_listed(api, device):
    register_all(device)
    listed = api.list_devices().content.decode()
    push = PushEnrollment.objects.get()
    for secret in (push.token, push.token_hash, device.device_token, Device.objects.get().token_hash):
        assert secret not in listed
    assert "BEGIN PGP" not in listed


def test_list_records_an_event_with_the_client(api, device):
    assert api.list_devices().status_code == 200
    assert api.list_devices("unknown").status_code == 404
    recorded = Event.objects.filter(event_type="API_DEVICES_LISTED").order_by("id")
    assert list(recorded.values_list("user_id", "client_id", "details")) == [
        ("anna", api.portal.api_client.client_id, {"devices": 1}),
        ("unknown", api.portal.api_client.client_id, {"devices": 0}),
    ]


def test_devices_of_all_applications_are_listed(api, enroll):
    enroll()
    other = factories.ApplicationVersionFactory(application__name="Bank", platform="ios")
    enroll(version=other, push_token="")
    assert [(listed["application"], listed["platform"]) for listed in api.devices()] == [
        ("Shop", "android"),
        ("Bank", "ios"),
    ]
