"""Which types a user can be asked with: the method must be on, and its authenticator or the PIN registered."""

import pytest

from apps.enrollment.models import Authenticator
from tests import factories
from tests.api.calls import CALLBACK, INITIATE, error_of
from tests.devices.conftest import METHODS


@pytest.fixture
def types(type_of):
    return {kind: type_of(kind) for kind in METHODS}


@pytest.fixture
def offered(portal, types):
    """Return the kinds of types that E1 and E2 offer, after checking that they and E3 agree."""

    def run(phone):
        by_device = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{phone.device_id}/enabled").json()
        by_user = portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
        assert sorted(by_device["enabled"]) == sorted(item["type"] for item in by_user)
        found = {kind for kind, mobile_type in types.items() if mobile_type.name in by_device["enabled"]}
        for kind, mobile_type in types.items():
            started = portal.start(mobile_type, phone)
            if kind in found:
                assert started.json()["auth_method"] == METHODS[kind]
            else:
                assert error_of(started) == (404, "1001")
        return found

    return run


def test_with_nothing_registered_nothing_is_offered(bare_phone, offered, event_types):
    assert offered(bare_phone()) == set()
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE"


def test_the_pin_alone_serves_every_method(bare_phone, client, offered):
    phone = bare_phone()
    phone.register(client, "pin")
    assert offered(phone) == {"pin", "fingerprint", "custom"}


@pytest.mark.parametrize(
    ("off", "left"),
    [
        ({"pin_enabled": False}, {"fingerprint", "custom"}),
        ({"fingerprint_enabled": False}, {"pin", "custom"}),
        ({"custom_authenticators": []}, {"pin", "fingerprint"}),
        ({"custom_authenticators": ["voice"]}, {"pin", "fingerprint", "custom"}),
    ],
    ids=["no PIN", "no fingerprint", "no custom one", "another custom one"],
)
def test_what_the_application_switches_off_is_not_offered(phone, offered, set_application, off, left):
    set_application(**off)
    assert offered(phone) == left


def test_without_the_feature_no_custom_authenticator_is_asked_for(phone, offered, set_feature):
    set_feature(custom_authenticators=False)
    assert offered(phone) == {"pin", "fingerprint"}


def test_after_a_new_enrolment_nothing_is_offered(phone, enroll, offered):
    enroll("anna", device=phone)
    assert offered(phone) == set()


def test_a_token_of_a_method_that_is_off_does_not_help(phone, offered, set_application):
    set_application(pin_enabled=False, fingerprint_enabled=False, custom_authenticators=[])
    assert offered(phone) == set()


def test_a_custom_token_that_is_no_longer_listed_does_not_help(phone, offered, set_application):
    set_application(custom_authenticators=["voice"])
    take_the_pin_from(phone)
    assert offered(phone) == {"fingerprint"}


def take_the_pin_from(phone):
    Authenticator.objects.filter(profile__device__device_id=phone.device_id, type="pin").delete()


def test_only_phones_that_can_do_it_are_named(portal, phone, bare_phone, types, switch):
    switch(push_enrollment_mode="multiple_devices")
    bare_phone(push_token="another")
    found = portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
    assert {item["method"] for item in found} == {method.upper() for method in METHODS.values()}
    for item in found:
        assert [named["device_id"] for named in item["apps_enrolled_for_push"]] == [phone.device_id]


def test_a_fallback_stands_in_for_what_the_user_has_not_registered(portal, bare_phone, type_of):
    phone = bare_phone()
    with_pin = type_of("pin")
    with_pin.fallback = factories.TypeFactory()
    with_pin.save()
    path = f"/oauth/api/v4/authenticate/user/anna/device/{phone.device_id}/enabled"
    assert with_pin.name in portal.get(path).json()["enabled"]
    assert portal.start(with_pin, phone).json()["auth_method"] == "push"


def test_a_text_message_stands_in_for_what_the_user_has_not_registered(portal, bare_phone, type_of, event_types):
    phone = bare_phone()
    with_pin = type_of("pin")
    with_pin.fallback = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    with_pin.save()
    (item,) = [
        item
        for item in portal.get("/oauth/api/v4/authenticate/user/anna/enabled").json()["enabled"]
        if item["type"] == with_pin.name
    ]
    assert (item["sms_fallback_allowed"], item["apps_enrolled_for_push"]) == (True, [])
    fields = {"type": with_pin.name, "user_id": "anna", "device_id": phone.device_id, "callback_uri": CALLBACK}
    answer = portal.post(INITIATE, {**fields, "phone_number": "+31612345678"})
    assert answer.json()["auth_method"] == "sms"
    assert "PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE" in event_types()
