"""E8: the portal cancels a pending transaction."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.callbacks.models import CallbackDelivery
from apps.demo.device import DeviceApiError
from apps.events.models import Event
from apps.transactions.models import PushDelivery
from tests.api.calls import answer_path, error_of, send_json
from tests.api.test_races import at_once

ENDINGS = ["MOBILE_AUTH_AUTHENTICATED", "MOBILE_AUTH_TRANSACTION_CANCELLED"]


@pytest.fixture
def started(api, mobile_type, device):
    return api.start(mobile_type, device).json()["transaction_id"]


def test_pending_push_is_cancelled_without_a_callback(any_api, started, event_types):
    response = any_api.cancel(started)
    assert (response.status_code, response.content) == (204, b"")
    result = any_api.result(started).json()
    assert (result["status"], result["is_authenticated"]) == ("cancelled", False)
    assert "not_authenticated_reason" not in result
    assert "authentication_method" not in result
    assert not CallbackDelivery.objects.exists()
    assert "MOBILE_AUTH_TRANSACTION_CANCELLED" in event_types()


def test_otp_and_sms_transactions_can_be_cancelled(api, otp_type, sms_started, row):
    otp = api.start_otp(otp_type).json()["transaction_id"]
    for transaction_id in (otp, sms_started):
        assert api.cancel(transaction_id).status_code == 204
        assert api.result(transaction_id).json()["status"] == "cancelled"
    assert row(sms_started).code == ""


def test_device_cannot_use_a_cancelled_transaction(api, started, device):
    challenge = device.fetch(started)
    api.cancel(started)
    assert device.pending() == []
    for call in (lambda: device.fetch(started), lambda: device.answer(challenge, approve=True)):
        with pytest.raises(DeviceApiError) as caught:
            call()
        assert (caught.value.status, caught.value.body["error"]) == (404, "invalid_transaction")
    assert api.result(started).json()["status"] == "cancelled"


def test_code_of_a_cancelled_transaction_is_not_found(api, sms_started, row):
    code = row(sms_started).code
    api.cancel(sms_started)
    assert error_of(api.verify(sms_started, code)) == (404, "3004")
    assert error_of(api.resend_code(sms_started)) == (404, "3004")


def test_due_push_of_a_cancelled_transaction_is_not_sent(api, started, fcm, deliver_pushes):
    api.cancel(started)
    deliver_pushes()
    assert fcm.received == []
    assert PushDelivery.objects.get().state == "done"


def test_cancelled_transaction_cannot_be_cancelled_again(api, started):
    assert [api.cancel(started).status_code for _ in range(2)] == [204, 404]
    assert error_of(api.cancel(started)) == (404, "3004")


@pytest.mark.parametrize("approve", [True, False])
def test_answered_transaction_cannot_be_cancelled(api, started, device, approve):
    status = device.answer(device.fetch(started), approve=approve)
    assert error_of(api.cancel(started)) == (404, "3004")
    assert api.result(started).json()["status"] == status


def test_expired_transaction_cannot_be_cancelled(api, started):
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=300)):
        assert error_of(api.cancel(started)) == (404, "3004")
        assert api.result(started).json()["status"] == "expired"


def test_transaction_of_another_client_is_not_found(api, other_client_api, started):
    assert error_of(other_client_api.cancel(started)) == (404, "3004")
    assert api.result(started).json()["status"] == "pending"


@pytest.mark.parametrize("text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "%00", "%ff"])
def test_unknown_transaction_is_not_found(api, text):
    assert error_of(api.cancel(text)) == (404, "3004")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_number", range(5))
def test_concurrent_approval_and_cancellation_have_one_outcome(portal, api, started, device, round_number):
    challenge = device.fetch(started)
    content = {"transaction_id": started, "token": challenge["token"], "authenticated": True}
    body = {"message": device.seal(content)}
    headers = {"Authorization": portal.authorization}
    approval, cancellation = at_once(
        lambda client: send_json(client, answer_path(started), body, token=device.device_token),
        lambda client: client.delete(f"{api.base}/transaction/{started}", headers=headers),
    )
    outcome = (approval.status_code, cancellation.status_code)
    assert outcome in [(200, 404), (404, 204)]
    approved = outcome == (200, 404)
    assert api.result(started).json()["status"] == ("authenticated" if approved else "cancelled")
    assert list(Event.objects.filter(event_type__in=ENDINGS).values_list("event_type", flat=True)) == [
        ENDINGS[0 if approved else 1]
    ]
    assert CallbackDelivery.objects.count() == (1 if approved else 0)
