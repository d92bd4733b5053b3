"""E7: the portal resends the push of a pending transaction, up to the limit of its type."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.transactions.models import PushDelivery
from tests.api.calls import error_of
from tests.api.test_races import at_once
from tests.fakes.fcm import UNREGISTERED

LIMIT = {"max_resends": 2}


@pytest.fixture
def started(api, make_type, device):
    return api.start(make_type("push", **LIMIT), device).json()["transaction_id"]


def sent(transaction_id):
    return PushDelivery.objects.filter(transaction=transaction_id).count()


def test_resend_stores_another_push(any_api, started, event_types):
    response = any_api.resend_push(started)
    assert (response.status_code, response.content) == (204, b"")
    assert sent(started) == 2
    assert event_types()[-1] == "PUSH_AUTH_RESEND_SUCCESS"


def test_resends_are_limited_by_the_type(api, started, event_types):
    assert [api.resend_push(started).status_code for _ in range(2)] == [204, 204]
    for _ in range(2):
        response = api.resend_push(started)
        assert error_of(response) == (403, "3006")
        assert event_types()[-1] == "PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED"
    assert sent(started) == 3


def test_type_with_zero_resends_allows_none(api, make_type, device):
    started = api.start(make_type("push", max_resends=0), device).json()["transaction_id"]
    assert error_of(api.resend_push(started)) == (403, "3006")


def test_resends_are_counted_per_transaction(api, make_type, device):
    mobile_type = make_type("push", max_resends=1)
    for _ in range(2):
        started = api.start(mobile_type, device).json()["transaction_id"]
        assert api.resend_push(started).status_code == 204


def test_resend_does_not_extend_the_lifetime(api, started, row):
    before = row(started).expires_at
    api.resend_push(started)
    assert row(started).expires_at == before


def test_otp_and_sms_transactions_are_not_found(api, otp_type, sms_started):
    otp = api.start_otp(otp_type).json()["transaction_id"]
    for transaction_id in (otp, sms_started):
        assert error_of(api.resend_push(transaction_id)) == (404, "3004")


@pytest.mark.parametrize("approve", [True, False])
def test_answered_transaction_is_not_found(api, started, device, approve):
    device.answer(device.fetch(started), approve=approve)
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_cancelled_transaction_is_not_found(api, started):
    api.cancel(started)
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_expired_transaction_is_not_found(api, started):
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=300)):
        assert error_of(api.resend_push(started)) == (404, "3004")


def test_transaction_of_another_client_is_not_found(other_client_api, started):
    assert error_of(other_client_api.resend_push(started)) == (404, "3004")
    assert sent(started) == 1


@pytest.mark.parametrize("text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "%00", "%ff"])
def test_unknown_transaction_is_not_found(api, started, text):
    assert error_of(api.resend_push(text)) == (404, "3004")


def test_failed_resend_after_an_accepted_push_does_not_end_it(api, started, device, fcm, deliver_pushes, profile_row):
    deliver_pushes()
    fcm.script[profile_row(device).push_enrollment.token] = [UNREGISTERED]
    api.resend_push(started)
    deliver_pushes()
    assert sorted(PushDelivery.objects.values_list("state", flat=True)) == ["done", "failed"]
    assert api.result(started).json()["status"] == "pending"
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


def test_failed_first_push_ends_the_transaction(api, started, device, fcm, deliver_pushes, profile_row):
    fcm.script[profile_row(device).push_enrollment.token] = [UNREGISTERED]
    deliver_pushes()
    result = api.result(started).json()
    assert result["not_authenticated_reason"] == {
        "reason": "failed_to_send",
        "description": "Push message failed to be sent",
    }
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_resend_without_push_token_is_not_found(api, started, device, profile_row):
    profile_row(device).push_enrollment.delete()
    assert error_of(api.resend_push(started)) == (404, "3004")


@pytest.mark.django_db(transaction=True)
def test_concurrent_resends_cannot_exceed_the_limit(portal, api, started):
    path = f"{api.base}/transaction/{started}/resend"
    headers = {"Authorization": portal.authorization}
    responses = at_once(*[lambda client: client.post(path, headers=headers)] * 10)
    assert sorted(response.status_code for response in responses) == [204] * 2 + [403] * 8
    assert sent(started) == 3
