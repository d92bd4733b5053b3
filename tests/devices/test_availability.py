"""Availability of types: the method must be enabled, and its authenticator or the PIN registered."""

import pytest

from apps.enrollment.models import Authenticator
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of
from tests.devices.conftest import METHODS


@pytest.fixture
def types(type_of):
    return {kind: type_of(kind) for kind in METHODS}


@pytest.fixture
def available_kinds(portal, types):
    """Return the kinds of types that E1 and E2 list, after checking that E3 is consistent with them."""

    def run(device):
        by_device = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{device.device_id}/enabled").json()
        by_user = portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
        assert sorted(by_device["enabled"]) == sorted(item["type"] for item in by_user)
        found = {kind for kind, mobile_type in types.items() if mobile_type.name in by_device["enabled"]}
        for kind, mobile_type in types.items():
            started = portal.start(mobile_type, device)
            if kind in found:
                assert started.json()["auth_method"] == METHODS[kind]
            else:
                assert error_of(started) == (404, "1001")
        return found

    return run


def test_user_without_authenticators_has_no_types(new_device, available_kinds, event_types):
    assert available_kinds(new_device()) == set()
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE"


def test_pin_makes_every_method_available(new_device, client, available_kinds):
    device = new_device()
    device.register(client, "pin")
    assert available_kinds(device) == {"pin", "fingerprint", "custom"}


@pytest.mark.parametrize(
    ("disabled", "remaining"),
    [
        ({"pin_enabled": False}, {"fingerprint", "custom"}),
        ({"fingerprint_enabled": False}, {"pin", "custom"}),
        ({"custom_authenticators": []}, {"pin", "fingerprint"}),
        ({"custom_authenticators": ["voice"]}, {"pin", "fingerprint", "custom"}),
    ],
    ids=["no PIN", "no fingerprint", "no custom authenticator", "another custom authenticator"],
)
def test_types_disabled_by_the_application_are_unavailable(
    device, available_kinds, set_application, disabled, remaining
):
    set_application(**disabled)
    assert available_kinds(device) == remaining


def test_custom_type_is_unavailable_without_the_feature(device, available_kinds, set_feature):
    set_feature(custom_authenticators=False)
    assert available_kinds(device) == {"pin", "fingerprint"}


def test_repeated_enrollment_makes_all_types_unavailable(device, enroll, available_kinds):
    enroll("anna", device=device)
    assert available_kinds(device) == set()


def test_registered_authenticators_of_disabled_types_do_not_count(device, available_kinds, set_application):
    set_application(pin_enabled=False, fingerprint_enabled=False, custom_authenticators=[])
    assert available_kinds(device) == set()


def test_custom_authenticator_removed_from_the_list_does_not_count(device, available_kinds, set_application):
    set_application(custom_authenticators=["voice"])
    remove_pin(device)
    assert available_kinds(device) == {"fingerprint"}


def remove_pin(device):
    Authenticator.objects.filter(profile__device__device_id=device.device_id, type="pin").delete()


def test_only_devices_with_the_authenticator_are_listed(portal, device, new_device, types, switch):
    switch(push_enrollment_mode="multiple_devices")
    new_device(push_token="another")
    found = portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
    assert {item["method"] for item in found} == {method.upper() for method in METHODS.values()}
    for item in found:
        assert [listed["device_id"] for listed in item["apps_enrolled_for_push"]] == [device.device_id]


def test_missing_authenticator_starts_the_push_fallback(portal, new_device, type_of):
    device = new_device()
    with_pin = type_of("pin")
    with_pin.fallback = factories.TypeFactory()
    with_pin.save()
    path = f"/oauth/api/v4/authenticate/user/anna/device/{device.device_id}/enabled"
    assert with_pin.name in portal.get(path).json()["enabled"]
    assert portal.start(with_pin, device).json()["auth_method"] == "push"


def test_missing_authenticator_starts_the_sms_fallback(portal, new_device, type_of, event_types):
    device = new_device()
    with_pin = type_of("pin")
    with_pin.fallback = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    with_pin.save()
    (item,) = [
        item
        for item in portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
        if item["type"] == with_pin.name
    ]
    assert (item["sms_fallback_allowed"], item["apps_enrolled_for_push"]) == (True, [])
    fields = {"type": with_pin.name, "user_id": "anna", "device_id": device.device_id, "callback_uri": CALLBACK}
    response = portal.post(INITIATE, {**fields, "phone_number": "+31612345678"})
    assert response.json()["auth_method"] == "sms"
    assert "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE" in event_types()
