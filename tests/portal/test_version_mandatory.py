"""With several phones a user only version 4 can say which is meant: every older endpoint answers 4001."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.conftest import Portal
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER


def every_call(api, mobile_type, device, transaction_id):
    """Return one call for each endpoint of a version."""
    return {
        "E1": lambda: api.type_names(device),
        "E2": api.types,
        "E3": lambda: api.start(mobile_type, device),
        "E4": lambda: api.result(transaction_id),
        "E5": lambda: api.verify(transaction_id, "000000"),
        "E6": lambda: api.resend_code(transaction_id),
        "E7": lambda: api.resend_push(transaction_id),
        "E8": lambda: api.cancel(transaction_id),
    }


ENDPOINTS = [f"E{number}" for number in range(1, 9)]


@pytest.fixture
def started(api, mobile_type, device, switch):
    transaction_id = api.start(mobile_type, device).json()["transaction_id"]
    switch(push_enrollment_mode="multiple_devices")
    return transaction_id


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_old_endpoint_says_that_version_4_is_mandatory(old_api, mobile_type, device, started, endpoint):
    answer = every_call(old_api, mobile_type, device, started)[endpoint]()
    assert error_of(answer) == (404, "4001")
    assert answer.json()["error"] == "version_mandatory"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_endpoint_of_version_4_says_so(api, mobile_type, device, started, endpoint):
    answer = every_call(api, mobile_type, device, started)[endpoint]()
    assert b'"4001"' not in answer.content


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_credentials_are_judged_first(client, old_api, mobile_type, device, started, endpoint):
    wrong = PortalApi(Portal(client, old_api.portal.api_client, "wrong"), old_api.version)
    assert error_of(every_call(wrong, mobile_type, device, started)[endpoint]()) == (401, "invalid_client")
    elsewhere = PortalApi(Portal(client, factories.ApiClientFactory(apis=["events"])), old_api.version)
    assert error_of(every_call(elsewhere, mobile_type, device, started)[endpoint]()) == (400, "unauthorized_client")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_feature_is_judged_before_the_version(old_api, mobile_type, device, started, feature_off, endpoint):
    assert error_of(every_call(old_api, mobile_type, device, started)[endpoint]()) == (404, "1000")


@pytest.mark.parametrize("mode", ["single_device", "override_allowed"])
def test_the_other_modes_leave_old_versions_alone(old_api, mobile_type, device, switch, mode):
    switch(push_enrollment_mode=mode)
    assert old_api.start(mobile_type, device).status_code == 200


def test_a_transaction_may_be_started_and_read_in_different_versions(portal, mobile_type, device, sms_type):
    started = PortalApi(portal, 2).start(mobile_type).json()["transaction_id"]
    assert PortalApi(portal, 3).result(started).json()["status"] == "pending"
    assert PortalApi(portal, 4).cancel(started).status_code == 204
    text = PortalApi(portal, 3).start(sms_type, phone_number=PHONE_NUMBER).json()["transaction_id"]
    assert PortalApi(portal, 2).resend_code(text).status_code == 204
