"""E2: the types of a user with their methods, and the phones that a push would reach."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of


def listed(answer):
    assert answer.status_code == 200, answer.content
    return {element["type"]: element for element in answer.json()["enabled"]}


def test_in_version_4_each_phone_is_described(api, device, version, mobile_type):
    assert api.types().json() == {
        "enabled": [
            {
                "type": mobile_type.name,
                "method": "PUSH",
                "sms_fallback_allowed": False,
                "apps_enrolled_for_push": [
                    {
                        "app_id": version.application.identifier,
                        "app_name": version.application.name,
                        "device_id": device.device_id,
                        "device_name": "Phone of anna",
                        "platform": "android",
                    }
                ],
            }
        ]
    }


def test_before_version_4_each_application_is_named(old_api, device, version, mobile_type):
    [element] = old_api.types().json()["enabled"]
    assert element == {
        "type": mobile_type.name,
        "method": "PUSH",
        "sms_fallback_allowed": False,
        "apps_enrolled_for_push": [{"id": version.application.identifier, "name": version.application.name}],
    }


@pytest.mark.parametrize("method", ["otp", "sms"])
def test_a_method_without_push_has_only_type_and_method(any_api, device, make_type, method):
    made = make_type(method)
    assert any_api.types().json() == {"enabled": [{"type": made.name, "method": method.upper()}]}


@pytest.mark.parametrize("method", ["push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"])
def test_methods_are_told_in_upper_case(any_api, device, make_type, method):
    made = make_type(method, "push")
    element = listed(any_api.types())[made.name]
    assert element["method"] == method.upper()
    assert element["apps_enrolled_for_push"] == []


def test_sms_fallback_is_told_wherever_it_stands_in_the_chain(any_api, device, make_type):
    long_chain = make_type("push_with_pin", "push", "sms")
    without = make_type("push")
    elements = listed(any_api.types())
    assert elements[long_chain.name]["sms_fallback_allowed"] is True
    assert elements[long_chain.fallback.name]["sms_fallback_allowed"] is True
    assert elements[without.name]["sms_fallback_allowed"] is False


def test_sms_fallback_is_not_allowed_while_sms_is_off(any_api, device, make_type, switch):
    made = make_type("push", "sms")
    switch(sms_authentication_enabled=False)
    assert listed(any_api.types())[made.name]["sms_fallback_allowed"] is False


def test_several_phones_are_all_listed(api, enroll, switch, mobile_type):
    switch(push_enrollment_mode="multiple_devices")
    devices = [enroll(), enroll(push_token="another-token"), enroll(push_token="")]
    [element] = api.types().json()["enabled"]
    assert {app["device_id"] for app in element["apps_enrolled_for_push"]} == {
        device.device_id for device in devices[:2]
    }


def test_two_phones_with_one_application_are_one_application_before_version_4(portal, enroll, switch, mobile_type):
    switch(push_enrollment_mode="multiple_devices")
    devices = [enroll(), enroll(push_token="another-token")]
    switch(push_enrollment_mode="single_device")
    other = enroll(version=factories.ApplicationVersionFactory(), push_token="third-token")
    [element] = PortalApi(portal, 3).types().json()["enabled"]
    assert [app["id"] for app in element["apps_enrolled_for_push"]] == sorted(
        [application_of(devices[0]), application_of(other)]
    )


def test_a_type_that_only_falls_back_has_no_phones(any_api, enroll, make_type):
    enroll(push_token="")
    made = make_type("push", "sms")
    element = listed(any_api.types())[made.name]
    assert element["apps_enrolled_for_push"] == []
    assert element["sms_fallback_allowed"] is True


@pytest.mark.parametrize("user_id", ["nobody", "%00", "%ff", "é", "u" * 3000])
def test_an_unknown_user_gives_an_empty_list(any_api, mobile_type, sms_type, otp_type, user_id):
    answer = any_api.types(user_id)
    assert (answer.status_code, answer.json()) == (200, {"enabled": []})


def test_a_disabled_version_counts_as_not_enrolled(any_api, device, version, mobile_type, otp_type, sms_type):
    version.status = "disabled"
    version.save()
    assert any_api.types().json() == {"enabled": []}


def test_a_version_without_a_push_configuration_is_reached_by_otp_only(any_api, device, version, mobile_type, otp_type):
    version.push_messaging_configuration = None
    version.save()
    assert list(listed(any_api.types())) == [otp_type.name]


def test_the_feature_off_is_told(any_api, feature_off):
    assert error_of(any_api.types()) == (404, "1000")


def test_users_are_told_apart_by_case_and_accent(any_api, enroll, mobile_type):
    enroll(user_id="Anna")
    assert any_api.types("anna").json() == {"enabled": []}
    assert len(any_api.types("Anna").json()["enabled"]) == 1
