"""E1: the names of the types that are usable now, on a device, in an application, for a user."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of


def names(answer):
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert set(body) == {"enabled"}
    assert len(body["enabled"]) == len(set(body["enabled"]))
    return set(body["enabled"])


def test_a_type_that_can_be_used_is_listed_by_name(any_api, device, mobile_type):
    assert names(any_api.type_names(device)) == {mobile_type.name}


def test_types_of_every_kind_are_listed(any_api, device, mobile_type, otp_type, sms_type):
    assert set(names(any_api.type_names(device))) == {mobile_type.name, otp_type.name, sms_type.name}


def test_an_unknown_user_gives_an_empty_list(any_api, device, mobile_type, sms_type):
    assert names(any_api.type_names(device, user_id="nobody")) == set()


@pytest.mark.parametrize("device_id", ["F" * 64, "x", "%00", "%ff", "é", "y" * 3000])
def test_an_unknown_device_gives_an_empty_list(api, device, mobile_type, sms_type, device_id):
    assert names(api.portal.get(f"{api.base}/user/anna/device/{device_id}/enabled")) == set()


@pytest.mark.parametrize("app_id", ["unknown", "%00", "%ff", "é", "y" * 3000])
def test_an_unknown_application_gives_an_empty_list(portal, device, mobile_type, sms_type, app_id):
    api = PortalApi(portal, 3)
    assert names(portal.get(f"{api.base}/user/anna/application/{app_id}/enabled")) == set()


@pytest.mark.parametrize("user_id", ["%00", "%ff", "é", "u" * 3000, "%20", "anna%00"])
def test_any_text_may_stand_for_a_user(any_api, device, mobile_type, user_id):
    assert names(any_api.type_names(device, user_id=user_id)) == set()


def test_a_device_of_another_user_gives_an_empty_list(api, enroll, mobile_type):
    enroll()
    eva = enroll(user_id="eva")
    assert names(api.type_names(eva)) == set()


def test_each_device_is_judged_for_itself(api, enroll, switch, mobile_type, otp_type):
    switch(push_enrollment_mode="multiple_devices")
    with_push, without = enroll(), enroll(push_token="")
    assert names(api.type_names(with_push)) == {mobile_type.name, otp_type.name}
    assert names(api.type_names(without)) == {otp_type.name}


def test_each_application_is_judged_for_itself(portal, enroll, mobile_type, otp_type):
    api = PortalApi(portal, 3)
    with_push = enroll()
    without = enroll(version=factories.ApplicationVersionFactory(), push_token="")
    assert application_of(with_push) != application_of(without)
    assert names(api.type_names(with_push)) == {mobile_type.name, otp_type.name}
    assert names(api.type_names(without)) == {otp_type.name}


def test_in_version_2_any_phone_of_the_user_counts(portal, enroll, mobile_type):
    enroll(push_token="")
    enroll(version=factories.ApplicationVersionFactory())
    assert names(portal.get("/oauth/api/v2/authenticate/user/anna/enabled/types")) == {mobile_type.name}


def test_without_a_push_token_push_is_not_available_and_otp_is(any_api, enroll, mobile_type, otp_type):
    assert names(any_api.type_names(enroll(push_token=""))) == {otp_type.name}


def test_a_type_is_available_when_its_fallback_is(any_api, enroll, make_type):
    falling_back = make_type("push", "sms")
    make_type("push")
    assert names(any_api.type_names(enroll(push_token=""))) == {falling_back.name, falling_back.fallback.name}


@pytest.mark.parametrize("method", ["push_with_pin", "push_with_fingerprint", "push_with_custom_authenticator"])
def test_a_method_without_a_credential_on_the_phone_is_available_only_by_its_fallback(
    any_api, device, make_type, method
):
    make_type(method)
    falling_back = make_type(method, "push")
    assert names(any_api.type_names(device)) == {falling_back.name, falling_back.fallback.name}


def test_a_disabled_version_counts_as_not_enrolled(any_api, device, version, mobile_type, otp_type):
    version.status = "disabled"
    version.save()
    assert names(any_api.type_names(device)) == set()


def test_a_login_only_version_goes_on_working(any_api, device, version, mobile_type):
    version.status = "login_only"
    version.save()
    assert names(any_api.type_names(device)) == {mobile_type.name}


def test_switched_off_methods_are_not_available(any_api, device, switch, mobile_type, sms_type, otp_type):
    switch(push_authorization_enabled=False, sms_authentication_enabled=False)
    assert names(any_api.type_names(device)) == {otp_type.name}


def test_the_feature_off_is_told(any_api, device, feature_off):
    assert error_of(any_api.type_names(device)) == (404, "1000")
