"""Selection of the device: version 2 by the user, version 3 by the application, version 4 by the device."""

import pytest

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of
from tests.portal.conftest import PHONE_NUMBER

MISSING = {3: ("app_id", "MISSING_APP_ID"), 4: ("device_id", "MISSING_DEVICE_ID")}


def device_of(response):
    assert response.status_code == 200, response.content
    return Transaction.objects.get(pk=response.json()["transaction_id"]).device_id


@pytest.fixture
def devices_in_two_applications(enroll):
    return enroll(), enroll(version=factories.ApplicationVersionFactory(), push_token="second-token")


def test_only_device_of_the_user_is_selected(any_api, mobile_type, device):
    response = any_api.start(mobile_type, device)
    assert device_of(response) == device.device_id
    assert response.json() == {
        "transaction_id": response.json()["transaction_id"],
        "auth_method": "push",
        "time_to_live": 300_000,
        "device": {"name": "Phone of anna", "platform": "android"},
    }


@pytest.mark.parametrize("number", [3, 4])
def test_target_selects_one_of_two_applications(portal, mobile_type, devices_in_two_applications, number):
    for device in devices_in_two_applications:
        assert device_of(PortalApi(portal, number).start(mobile_type, device)) == device.device_id


def test_version_2_rejects_several_push_enrolments(portal, mobile_type, devices_in_two_applications, event_types):
    response = PortalApi(portal, 2).start(mobile_type)
    assert error_of(response) == (400, "1003")
    assert "device_id" in response.json()["description"]
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS"
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("name", ["app_id", "device_id"])
def test_version_2_ignores_target_parameters(portal, mobile_type, device, name):
    assert PortalApi(portal, 2).start(mobile_type, **{name: "unknown"}).status_code == 200


def test_versions_3_and_4_ignore_each_others_parameter(portal, mobile_type, device):
    assert PortalApi(portal, 3).start(mobile_type, device, device_id="x" * 200).status_code == 200
    assert PortalApi(portal, 4).start(mobile_type, device, app_id="x" * 200).status_code == 200


@pytest.mark.parametrize("number", [3, 4])
def test_missing_target_of_an_enrolled_user_is_rejected(portal, make_type, device, number, event_types):
    name, event = MISSING[number]
    for mobile_type in (make_type("push"), make_type("push", "sms")):
        response = PortalApi(portal, number).start(mobile_type, phone_number=PHONE_NUMBER)
        assert error_of(response) == (400, "1003")
        assert name in response.json()["description"]
        assert event_types()[-1] == f"PUSH_AUTH_INIT_FAILURE_{event}"
    assert not Transaction.objects.exists()


def test_missing_target_without_push_enrolment_starts_the_fallback(any_api, make_type):
    response = any_api.start(make_type("push", "sms"), phone_number=PHONE_NUMBER)
    assert (response.status_code, response.json()["auth_method"]) == (200, "sms")


def test_missing_target_without_push_enrolment_or_fallback_is_1001(any_api, mobile_type, enroll):
    enroll(push_token="")
    assert error_of(any_api.start(mobile_type)) == (404, "1001")


@pytest.mark.parametrize("number", [3, 4])
def test_target_of_another_user_is_1001(portal, mobile_type, enroll, number):
    enroll()
    eva = enroll(user_id="eva", version=factories.ApplicationVersionFactory())
    response = PortalApi(portal, number).start(mobile_type, eva)
    assert error_of(response) == (404, "1001")


@pytest.mark.parametrize("number", [3, 4])
def test_unknown_target_starts_the_fallback(portal, make_type, device, number):
    target = {"app_id": "unknown", "device_id": "F" * 64}
    response = PortalApi(portal, number).start(make_type("push", "sms"), **target, phone_number=PHONE_NUMBER)
    assert response.json()["auth_method"] == "sms"


def test_version_3_selects_the_newest_device_of_the_application(portal, mobile_type, enroll, switch):
    switch(push_enrollment_mode="multiple_devices")
    _older, newer = enroll(), enroll(push_token="second-token")
    switch(push_enrollment_mode="single_device")
    response = PortalApi(portal, 3).start(mobile_type, app_id=application_of(newer))
    assert device_of(response) == newer.device_id


@pytest.mark.parametrize(("number", "name", "limit"), [(3, "app_id", 100), (4, "device_id", 64)])
def test_too_long_target_is_rejected(portal, mobile_type, device, number, name, limit):
    api = PortalApi(portal, number)
    assert error_of(api.start(mobile_type, **{name: "x" * limit})) == (404, "1001")
    assert error_of(api.start(mobile_type, **{name: "x" * (limit + 1)})) == (400, "1003")


def test_unknown_user_and_user_without_enrolment_are_indistinguishable(any_api, mobile_type, enroll):
    enroll(push_token="")
    unknown, unenrolled = any_api.start(mobile_type, user_id="unknown"), any_api.start(mobile_type)
    assert (unknown.status_code, unknown.content) == (unenrolled.status_code, unenrolled.content)
    expected = "No authentication possibilities for user/application or user not found."
    assert unknown.json() == {
        "error_code": "1001",
        "description": expected,
        "error": "not_found",
        "error_description": expected,
    }
