"""With several devices per user, only version 4 can select one: older endpoints return 4001."""

import pytest

from tests import factories
from tests.api.calls import error_of
from tests.conftest import Portal
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER


def endpoint_calls(api, mobile_type, device, transaction_id):
    """Return a call of each endpoint of a version."""
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
def test_older_endpoints_return_4001(old_api, mobile_type, device, started, endpoint):
    response = endpoint_calls(old_api, mobile_type, device, started)[endpoint]()
    assert error_of(response) == (404, "4001")
    assert response.json()["error"] == "version_mandatory"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_version_4_endpoints_do_not_return_4001(api, mobile_type, device, started, endpoint):
    response = endpoint_calls(api, mobile_type, device, started)[endpoint]()
    assert b'"4001"' not in response.content


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_credentials_are_verified_first(client, old_api, mobile_type, device, started, endpoint):
    def call_as(portal):
        return endpoint_calls(PortalApi(portal, old_api.version), mobile_type, device, started)[endpoint]()

    assert error_of(call_as(Portal(client, old_api.portal.api_client, "wrong"))) == (401, "invalid_client")
    unauthorized = Portal(client, factories.ApiClientFactory(apis=["events"]))
    assert error_of(call_as(unauthorized)) == (400, "unauthorized_client")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_feature_is_checked_before_the_version(old_api, mobile_type, device, started, feature_off, endpoint):
    assert error_of(endpoint_calls(old_api, mobile_type, device, started)[endpoint]()) == (404, "1000")


@pytest.mark.parametrize("mode", ["single_device", "override_allowed"])
def test_older_versions_work_in_other_modes(old_api, mobile_type, device, switch, mode):
    switch(push_enrollment_mode=mode)
    assert old_api.start(mobile_type, device).status_code == 200


def test_transaction_can_be_used_across_versions(portal, mobile_type, device, sms_type):
    started = PortalApi(portal, 2).start(mobile_type).json()["transaction_id"]
    assert PortalApi(portal, 3).result(started).json()["status"] == "pending"
    assert PortalApi(portal, 4).cancel(started).status_code == 204
    sms_started = PortalApi(portal, 3).start(sms_type, phone_number=PHONE_NUMBER).json()["transaction_id"]
    assert PortalApi(portal, 2).resend_code(sms_started).status_code == 204
