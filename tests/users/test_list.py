"""What the user API lists of a user's devices."""

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


def ms(moment):
    return round(moment.timestamp() * 1000)


def test_a_device_is_told_with_all_that_is_known_of_it(api, device):
    Device.objects.update(model="Pixel 9", os_version="16")
    answer, row = api.listed(), Device.objects.get()
    assert answer.status_code == 200
    assert_not_cacheable(answer)
    assert re.fullmatch("[0-9A-F]{64}", device.device_id)
    [told] = answer.json()["devices"]
    assert list(told) == V4
    assert told == {
        "id": device.device_id,
        "name": "Phone of anna",
        "application": "Shop",
        "model": "Pixel 9",
        "platform": "android",
        "osVersion": "16",
        "createdAt": ms(row.created_at),
        "lastLogin": ms(row.last_login_at),
        "tokenTypes": [],
        "mobileAuthenticationEnabled": True,
        "pushAuthenticationEnabled": True,
    }


def test_version_3_tells_less_in_snake_case(v3, api, device):
    register_all(device)
    [old], [new] = v3.devices(), api.devices()
    assert list(old) == V3
    assert [old[name] for name in V3[:3]] == [new[name] for name in V4[:3]]
    assert [old[name] for name in V3[3:]] == [new[name] for name in ["platform", *V4[6:]]]


def test_what_is_registered_is_told_by_its_kind(api, device):
    told = []
    for register in (
        lambda: device.register_pin(PIN),
        lambda: device.register_fingerprint(pin=PIN),
        lambda: device.register_custom("face", pin=PIN),
    ):
        register()
        told.append(api.devices()[0]["tokenTypes"])
    assert told == [
        ["DEFAULT"],
        ["DEFAULT", "FINGER_PRINT"],
        ["DEFAULT", "FINGER_PRINT", "CUSTOM_AUTHENTICATOR"],
    ]


def test_several_custom_authenticators_are_one_kind(api, device, version):
    version.application.custom_authenticators = ["face", "voice"]
    version.application.save()
    device.register_pin(PIN)
    for name in ("face", "voice"):
        device.register_custom(name, pin=PIN)
    assert api.devices()[0]["tokenTypes"] == ["DEFAULT", "CUSTOM_AUTHENTICATOR"]


def test_another_users_registrations_are_not_told(api, device, share):
    register_all(share(device))
    [annas], [bens] = api.devices("anna"), api.devices("ben")
    assert annas["id"] == bens["id"] == device.device_id
    assert (annas["tokenTypes"], len(bens["tokenTypes"])) == ([], 3)


def test_a_device_without_a_push_token_has_no_push(api, enroll):
    enroll(push_token="")
    [told] = api.devices()
    assert (told["mobileAuthenticationEnabled"], told["pushAuthenticationEnabled"]) == (True, False)


@pytest.mark.parametrize(
    ("change", "mobile"), [({"push_messaging_configuration": None}, True), ({"status": "disabled"}, False)]
)
def test_a_version_says_what_its_devices_can(api, device, change, mobile):
    ApplicationVersion.objects.update(**change)
    [told] = api.devices()
    assert (told["mobileAuthenticationEnabled"], told["pushAuthenticationEnabled"]) == (mobile, False)


def test_the_last_login_is_the_last_approval(api, portal, mobile_type, device):
    first = api.devices()[0]["lastLogin"]
    started = portal.start(mobile_type, device).json()["transaction_id"]
    device.answer(device.fetch(started), approve=False)
    assert api.devices()[0]["lastLogin"] == first
    started = portal.start(mobile_type, device).json()["transaction_id"]
    device.answer(device.fetch(started), approve=True)
    told = api.devices()[0]
    assert told["lastLogin"] > first >= told["createdAt"]


def test_devices_come_oldest_first(api, enroll):
    phones = [enroll(push_token=""), enroll(push_token=""), enroll(push_token="")]
    enroll(user_id="ben", push_token="")
    assert [told["id"] for told in api.devices()] == [phone.device_id for phone in phones]


@pytest.mark.parametrize("user_id", ["nobody", "u" * 256, "a%00b", "an", "anna2", "ANNA", "%20anna"])
def test_a_user_without_devices_is_not_found(any_api, device, user_id):
    answer = any_api.listed(user_id)
    assert (answer.status_code, answer.json()) == (404, {"error": "No devices found"})
    assert_not_cacheable(answer)


def test_no_secret_is_listed(api, device):
    register_all(device)
    told = api.listed().content.decode()
    push = PushEnrollment.objects.get()
    for secret in (push.token, push.token_hash, device.device_token, Device.objects.get().token_hash):
        assert secret not in told
    assert "BEGIN PGP" not in told


def test_an_event_says_who_asked(api, device):
    assert api.listed().status_code == 200
    assert api.listed("nobody").status_code == 404
    asked = Event.objects.filter(event_type="API_DEVICES_LISTED").order_by("id")
    assert list(asked.values_list("user_id", "client_id", "details")) == [
        ("anna", api.portal.api_client.client_id, {"devices": 1}),
        ("nobody", api.portal.api_client.client_id, {"devices": 0}),
    ]


def test_devices_of_all_applications_are_listed(api, enroll):
    enroll()
    other = factories.ApplicationVersionFactory(application__name="Bank", platform="ios")
    enroll(version=other, push_token="")
    assert [(told["application"], told["platform"]) for told in api.devices()] == [("Shop", "android"), ("Bank", "ios")]
