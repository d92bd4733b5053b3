"""E2: the types that are available to a user, with their methods and the devices that a push can reach."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of


def types_by_name(response):
    assert response.status_code == 200, response.content
    return {element["type"]: element for element in response.json()["enabled"]}


def test_version_4_describes_each_device(api, device, version, mobile_type):
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


def test_older_versions_name_each_application(old_api, device, version, mobile_type):
    [element] = old_api.types().json()["enabled"]
    assert element == {
        "type": mobile_type.name,
        "method": "PUSH",
        "sms_fallback_allowed": False,
        "apps_enrolled_for_push": [{"id": version.application.identifier, "name": version.application.name}],
    }


@pytest.mark.parametrize("method", ["otp", "sms"])
def test_method_without_push_has_only_type_and_method(any_api, device, make_type, method):
    mobile_type = make_type(method)
    assert any_api.types().json() == {"enabled": [{"type": mobile_type.name, "method": method.upper()}]}


@pytest.mark.parametrize("method", ["push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"])
def test_methods_are_returned_in_upper_case(any_api, device, make_type, method):
    mobile_type = make_type(method, "push")
    element = types_by_name(any_api.types())[mobile_type.name]
    assert element["method"] == method.upper()
    assert element["apps_enrolled_for_push"] == []


def test_sms_fallback_is_reported_at_any_position(any_api, device, make_type):
    long_chain = make_type("push_with_pin", "push", "sms")
    without_fallback = make_type("push")
    elements = types_by_name(any_api.types())
    assert elements[long_chain.name]["sms_fallback_allowed"] is True
    assert elements[long_chain.fallback.name]["sms_fallback_allowed"] is True
    assert elements[without_fallback.name]["sms_fallback_allowed"] is False


def test_sms_fallback_is_not_allowed_while_sms_is_off(any_api, device, make_type, switch):
    mobile_type = make_type("push", "sms")
    switch(sms_authentication_enabled=False)
    assert types_by_name(any_api.types())[mobile_type.name]["sms_fallback_allowed"] is False


def test_all_devices_are_listed(api, enroll, switch, mobile_type):
    switch(push_enrollment_mode="multiple_devices")
    devices = [enroll(), enroll(push_token="another-token"), enroll(push_token="")]
    [element] = api.types().json()["enabled"]
    assert {app["device_id"] for app in element["apps_enrolled_for_push"]} == {
        device.device_id for device in devices[:2]
    }


def test_older_versions_list_an_application_once(portal, enroll, switch, mobile_type):
    switch(push_enrollment_mode="multiple_devices")
    devices = [enroll(), enroll(push_token="another-token")]
    switch(push_enrollment_mode="single_device")
    other = enroll(version=factories.ApplicationVersionFactory(), push_token="third-token")
    [element] = PortalApi(portal, 3).types().json()["enabled"]
    assert [app["id"] for app in element["apps_enrolled_for_push"]] == sorted(
        [application_of(devices[0]), application_of(other)]
    )


def test_type_with_fallback_only_has_no_devices(any_api, enroll, make_type):
    enroll(push_token="")
    mobile_type = make_type("push", "sms")
    element = types_by_name(any_api.types())[mobile_type.name]
    assert element["apps_enrolled_for_push"] == []
    assert element["sms_fallback_allowed"] is True


@pytest.mark.parametrize("user_id", ["unknown", "%00", "%ff", "é", "u" * 3000])
def test_unknown_user_gets_an_empty_list(any_api, mobile_type, sms_type, otp_type, user_id):
    response = any_api.types(user_id)
    assert (response.status_code, response.json()) == (200, {"enabled": []})


def test_disabled_version_counts_as_not_enrolled(any_api, device, version, mobile_type, otp_type, sms_type):
    version.status = "disabled"
    version.save()
    assert any_api.types().json() == {"enabled": []}


def test_version_without_push_configuration_has_otp_only(any_api, device, version, mobile_type, otp_type):
    version.push_messaging_configuration = None
    version.save()
    assert list(types_by_name(any_api.types())) == [otp_type.name]


def test_disabled_feature_is_reported(any_api, feature_off):
    assert error_of(any_api.types()) == (404, "1000")


def test_user_ids_are_case_sensitive(any_api, enroll, mobile_type):
    enroll(user_id="Anna")
    assert any_api.types("anna").json() == {"enabled": []}
    assert len(any_api.types("Anna").json()["enabled"]) == 1
