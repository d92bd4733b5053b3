"""Users and devices that E3 can reach. Error 1001 does not reveal the cause."""

from uuid import UUID

import pytest

from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.transactions.models import PushDelivery, Transaction
from tests import factories
from tests.api.calls import error_of

NO_POSSIBILITY = "No authentication possibilities for user/application or user not found."


def assert_no_possibility(response):
    assert error_of(response) == (404, "1001")
    assert response.json() == {
        "error_code": "1001",
        "description": NO_POSSIBILITY,
        "error": "not_found",
        "error_description": NO_POSSIBILITY,
    }
    assert not Transaction.objects.exists()


def test_response_contains_transaction_method_lifetime_and_device(portal, device):
    mobile_type = factories.TypeFactory(time_to_live=120)
    response = portal.start(mobile_type, device)
    started = response.json()
    assert UUID(started.pop("transaction_id"))
    assert started == {
        "auth_method": "push",
        "time_to_live": 120_000,
        "device": {"name": "Phone of anna", "platform": "android"},
    }
    assert PushDelivery.objects.count() == 1


@pytest.mark.parametrize("device_id", [None, "", "F" * 64])
def test_unknown_user_cannot_be_reached(portal, mobile_type, device, device_id):
    assert_no_possibility(portal.start(mobile_type, device, user_id="unknown", device_id=device_id))


@pytest.mark.parametrize("with_device", [True, False])
def test_user_without_push_enrolment_cannot_be_reached(portal, mobile_type, enroll, with_device):
    device = enroll("bert", push_token="")
    changes = {} if with_device else {"device_id": None}
    assert_no_possibility(portal.start(mobile_type, device, user_id="bert", **changes))


def test_user_with_push_enrolment_needs_a_device_id(portal, mobile_type, device, event_types):
    response = portal.start(mobile_type, device, device_id=None)
    assert error_of(response) == (400, "1003")
    assert response.json()["description"] == "The parameter device_id is missing."
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID"


def test_another_users_device_cannot_be_named(portal, mobile_type, enroll, event_types):
    enroll("anna")
    berts = enroll("bert")
    assert_no_possibility(portal.start(mobile_type, berts, user_id="anna"))
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT"


@pytest.mark.parametrize("device_id", ["F" * 64, "x", "é", "' OR 1=1"])
def test_unknown_device_cannot_be_reached(portal, mobile_type, device, device_id):
    assert_no_possibility(portal.start(mobile_type, device, device_id=device_id))


def test_device_id_is_exact(portal, mobile_type, device):
    assert_no_possibility(portal.start(mobile_type, device, device_id=device.device_id.lower()))


def test_user_cannot_be_reached_while_push_authorization_is_off(portal, mobile_type, device, switch, event_types):
    switch(push_authorization_enabled=False)
    assert_no_possibility(portal.start(mobile_type, device))
    assert_no_possibility(portal.start(mobile_type, device, device_id=None))
    assert event_types()[-1] == "PUSH_AUTH_INIT_FAILURE_DISABLED"


@pytest.mark.parametrize("with_device", [True, False])
def test_device_with_a_disabled_version_counts_as_not_enrolled(portal, mobile_type, device, version, with_device):
    version.status = "disabled"
    version.save()
    changes = {} if with_device else {"device_id": None}
    assert_no_possibility(portal.start(mobile_type, device, **changes))


def test_login_only_version_can_authenticate(portal, mobile_type, device, version):
    version.status = "login_only"
    version.save()
    assert portal.start(mobile_type, device).status_code == 200


def test_without_a_push_configuration_a_device_cannot_be_reached(portal, mobile_type, device, version):
    version.push_messaging_configuration = None
    version.save()
    assert_no_possibility(portal.start(mobile_type, device))


def test_one_of_many_devices_can_be_named(portal, mobile_type, enroll, profile_row, switch):
    switch(push_enrollment_mode="multiple_devices")
    first = enroll("anna", push_token="first")
    model = profile_row(first)
    for number in range(60):
        row = Device.objects.create(token_hash=str(number), version=model.device.version, name="x")
        profile = Profile.objects.create(device=row, user_id="anna", server_key=model.server_key)
        PushEnrollment.objects.create(profile=profile, token="x", token_hash=str(number))
    last = enroll("anna", push_token="last")
    for device in (first, last):
        transaction_id = portal.start(mobile_type, device).json()["transaction_id"]
        assert [listed["transaction_id"] for listed in device.pending()] == [transaction_id]
