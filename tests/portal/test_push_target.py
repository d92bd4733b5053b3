"""How a push finds its phone: version 2 by the user, version 3 by the application, version 4 by the device."""

import pytest

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import error_of
from tests.portal.calls import PortalApi, application_of
from tests.portal.conftest import PHONE_NUMBER

MISSING = {3: ("app_id", "MISSING_APP_ID"), 4: ("device_id", "MISSING_DEVICE_ID")}


def device_of(answer):
    assert answer.status_code == 200, answer.content
    return Transaction.objects.get(pk=answer.json()["transaction_id"]).device_id


@pytest.fixture
def two_applications(enroll):
    return enroll(), enroll(version=factories.ApplicationVersionFactory(), push_token="second-token")


def test_the_one_phone_of_the_user_is_found(any_api, mobile_type, device):
    answer = any_api.start(mobile_type, device)
    assert device_of(answer) == device.device_id
    assert answer.json() == {
        "transaction_id": answer.json()["transaction_id"],
        "auth_method": "push",
        "time_to_live": 300_000,
        "device": {"name": "Phone of anna", "platform": "android"},
    }


@pytest.mark.parametrize("number", [3, 4])
def test_of_two_applications_the_named_one_is_pushed_to(portal, mobile_type, two_applications, number):
    for phone in two_applications:
        assert device_of(PortalApi(portal, number).start(mobile_type, phone)) == phone.device_id


def test_version_2_cannot_choose_between_two_enrolments(portal, mobile_type, two_applications, event_types):
    answer = PortalApi(portal, 2).start(mobile_type)
    assert error_of(answer) == (400, "1003")
    assert "device_id" in answer.json()["description"]
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS"
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("name", ["app_id", "device_id"])
def test_version_2_looks_at_neither_parameter(portal, mobile_type, device, name):
    assert PortalApi(portal, 2).start(mobile_type, **{name: "unknown"}).status_code == 200


def test_versions_3_and_4_do_not_look_at_each_others_parameter(portal, mobile_type, device):
    assert PortalApi(portal, 3).start(mobile_type, device, device_id="x" * 200).status_code == 200
    assert PortalApi(portal, 4).start(mobile_type, device, app_id="x" * 200).status_code == 200


@pytest.mark.parametrize("number", [3, 4])
def test_a_missing_target_of_an_enrolled_user_is_a_mistake_also_with_a_fallback(
    portal, make_type, device, number, event_types
):
    name, event = MISSING[number]
    for mobile_type in (make_type("push"), make_type("push", "sms")):
        answer = PortalApi(portal, number).start(mobile_type, phone_number=PHONE_NUMBER)
        assert error_of(answer) == (400, "1003")
        assert name in answer.json()["description"]
        assert event_types()[-1] == f"PUSH_AUTH_INIT_FAILURE_{event}"
    assert not Transaction.objects.exists()


def test_a_missing_target_without_any_push_enrolment_gets_the_fallback(any_api, make_type):
    answer = any_api.start(make_type("push", "sms"), phone_number=PHONE_NUMBER)
    assert (answer.status_code, answer.json()["auth_method"]) == (200, "sms")


def test_a_missing_target_without_push_enrolment_or_fallback_is_1001(any_api, mobile_type, enroll):
    enroll(push_token="")
    assert error_of(any_api.start(mobile_type)) == (404, "1001")


@pytest.mark.parametrize("number", [3, 4])
def test_a_target_that_is_not_the_users_is_like_no_enrolment(portal, mobile_type, enroll, number):
    enroll()
    eva = enroll(user_id="eva", version=factories.ApplicationVersionFactory())
    answer = PortalApi(portal, number).start(mobile_type, eva)
    assert error_of(answer) == (404, "1001")


@pytest.mark.parametrize("number", [3, 4])
def test_a_target_that_is_not_the_users_gets_the_fallback(portal, make_type, device, number):
    target = {"app_id": "unknown", "device_id": "F" * 64}
    answer = PortalApi(portal, number).start(make_type("push", "sms"), **target, phone_number=PHONE_NUMBER)
    assert answer.json()["auth_method"] == "sms"


def test_version_3_takes_the_newest_of_two_phones_with_the_application(portal, mobile_type, enroll, switch):
    switch(push_enrollment_mode="multiple_devices")
    _older, newer = enroll(), enroll(push_token="second-token")
    switch(push_enrollment_mode="single_device")
    answer = PortalApi(portal, 3).start(mobile_type, app_id=application_of(newer))
    assert device_of(answer) == newer.device_id


@pytest.mark.parametrize(("number", "name", "limit"), [(3, "app_id", 100), (4, "device_id", 64)])
def test_a_target_that_is_too_long_is_refused(portal, mobile_type, device, number, name, limit):
    api = PortalApi(portal, number)
    assert error_of(api.start(mobile_type, **{name: "x" * limit})) == (404, "1001")
    assert error_of(api.start(mobile_type, **{name: "x" * (limit + 1)})) == (400, "1003")


def test_an_unknown_user_and_one_without_enrolment_are_not_told_apart(any_api, mobile_type, enroll):
    enroll(push_token="")
    unknown, without = any_api.start(mobile_type, user_id="nobody"), any_api.start(mobile_type)
    assert (unknown.status_code, unknown.content) == (without.status_code, without.content)
    expected = "No authentication possibilities for user/application or user not found."
    assert unknown.json() == {
        "error_code": "1001",
        "description": expected,
        "error": "not_found",
        "error_description": expected,
    }
