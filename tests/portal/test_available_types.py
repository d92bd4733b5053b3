"""E1: the names of the types that are available on a device, in an application, or to a user."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of


def names(response):
    assert response.status_code == 200, response.content
    body = response.json()
    assert set(body) == {"enabled"}
    assert len(body["enabled"]) == len(set(body["enabled"]))
    return set(body["enabled"])


def test_available_type_is_listed_by_name(any_api, device, mobile_type):
    assert names(any_api.type_names(device)) == {mobile_type.name}


def test_types_of_all_methods_are_listed(any_api, device, mobile_type, otp_type, sms_type):
    assert set(names(any_api.type_names(device))) == {mobile_type.name, otp_type.name, sms_type.name}


def test_unknown_user_gets_an_empty_list(any_api, device, mobile_type, sms_type):
    assert names(any_api.type_names(device, user_id="unknown")) == set()


@pytest.mark.parametrize("device_id", ["F" * 64, "x", "%00", "%ff", "é", "y" * 3000])
def test_unknown_device_gets_an_empty_list(api, device, mobile_type, sms_type, device_id):
    assert names(api.portal.get(f"{api.base}/user/anna/device/{device_id}/enabled")) == set()


@pytest.mark.parametrize("app_id", ["unknown", "%00", "%ff", "é", "y" * 3000])
def test_unknown_application_gets_an_empty_list(portal, device, mobile_type, sms_type, app_id):
    api = PortalApi(portal, 3)
    assert names(portal.get(f"{api.base}/user/anna/application/{app_id}/enabled")) == set()


@pytest.mark.parametrize("user_id", ["%00", "%ff", "é", "u" * 3000, "%20", "anna%00"])
def test_any_user_id_is_accepted(any_api, device, mobile_type, user_id):
    assert names(any_api.type_names(device, user_id=user_id)) == set()


def test_device_of_another_user_gets_an_empty_list(api, enroll, mobile_type):
    enroll()
    eva = enroll(user_id="eva")
    assert names(api.type_names(eva)) == set()


def test_types_depend_on_the_device(api, enroll, switch, mobile_type, otp_type):
    switch(push_enrollment_mode="multiple_devices")
    with_push, without = enroll(), enroll(push_token="")
    assert names(api.type_names(with_push)) == {mobile_type.name, otp_type.name}
    assert names(api.type_names(without)) == {otp_type.name}


def test_types_depend_on_the_application(portal, enroll, mobile_type, otp_type):
    api = PortalApi(portal, 3)
    with_push = enroll()
    without = enroll(version=factories.ApplicationVersionFactory(), push_token="")
    assert application_of(with_push) != application_of(without)
    assert names(api.type_names(with_push)) == {mobile_type.name, otp_type.name}
    assert names(api.type_names(without)) == {otp_type.name}


def test_version_2_considers_all_devices_of_the_user(portal, enroll, mobile_type):
    enroll(push_token="")
    enroll(version=factories.ApplicationVersionFactory())
    assert names(portal.get("/oauth/api/v2/authenticate/user/anna/enabled/types")) == {mobile_type.name}


def test_device_without_push_token_has_otp_but_no_push(any_api, enroll, mobile_type, otp_type):
    assert names(any_api.type_names(enroll(push_token=""))) == {otp_type.name}


def test_type_is_available_if_its_fallback_is(any_api, enroll, make_type):
    falling_back = make_type("push", "sms")
    make_type("push")
    assert names(any_api.type_names(enroll(push_token=""))) == {falling_back.name, falling_back.fallback.name}


@pytest.mark.parametrize("method", ["push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"])
def test_method_without_its_authenticator_is_available_by_fallback_only(any_api, device, make_type, method):
    make_type(method)
    falling_back = make_type(method, "push")
    assert names(any_api.type_names(device)) == {falling_back.name, falling_back.fallback.name}


def test_disabled_version_counts_as_not_enrolled(any_api, device, version, mobile_type, otp_type):
    version.status = "disabled"
    version.save()
    assert names(any_api.type_names(device)) == set()


def test_login_only_version_is_available(any_api, device, version, mobile_type):
    version.status = "login_only"
    version.save()
    assert names(any_api.type_names(device)) == {mobile_type.name}


def test_disabled_methods_are_not_available(any_api, device, switch, mobile_type, sms_type, otp_type):
    switch(push_authorization_enabled=False, sms_authentication_enabled=False)
    assert names(any_api.type_names(device)) == {otp_type.name}


def test_disabled_feature_is_reported(any_api, device, feature_off):
    assert error_of(any_api.type_names(device)) == (404, "1000")
