"""E4 for all methods and statuses."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.api.calls import CALLBACK, error_of

ALWAYS = {"transaction_id", "timestamp", "user_id", "is_authenticated", "status"}


@pytest.fixture(params=["push", "otp", "sms"])
def method(request):
    return request.param


@pytest.fixture
def started(method, api, mobile_type, otp_type, sms_started, device):
    """Return a pending transaction of the method, and a function that answers it."""
    if method == "sms":
        return sms_started, lambda **_answer: None
    if method == "push":
        transaction_id = api.start(mobile_type, device).json()["transaction_id"]
        return transaction_id, lambda approve: device.answer(device.fetch(transaction_id), approve=approve)
    body = api.start_otp(otp_type).json()

    def answer(approve):
        response = device.call("POST", "/device/v1/otp", {"profile_id": device.profile_id, "otp": body["otp"]})
        device.answer(device.open(response["message"]), approve=approve)

    return body["transaction_id"], answer


def members(method, *others):
    return ALWAYS | set(others) | (set() if method == "sms" else {"callback_uri"})


def test_result_of_a_pending_transaction(any_api, method, started):
    transaction_id, _answer = started
    body = any_api.result(transaction_id).json()
    assert set(body) == members(method)
    assert body.get("callback_uri", CALLBACK) == CALLBACK
    assert (body["status"], body["is_authenticated"]) == ("pending", False)
    assert body["user_id"] == ("" if method == "otp" else "anna")


def test_result_of_an_authenticated_transaction(api, method, started, row):
    transaction_id, answer = started
    if method == "sms":
        assert api.verify(transaction_id, row(transaction_id).code).status_code == 200
    answer(approve=True)
    body = api.result(transaction_id).json()
    assert set(body) == members(method, "authentication_method")
    assert (body["status"], body["is_authenticated"], body["user_id"]) == ("authenticated", True, "anna")
    assert body["authentication_method"] == method


def test_result_of_a_transaction_that_was_not_authenticated(api, method, started, sms_type):
    transaction_id, answer = started
    answer(approve=False)
    if method == "sms":
        for _ in range(sms_type.max_attempts):
            assert error_of(api.verify(transaction_id, "wrong")) == (404, "3003")
    body = api.result(transaction_id).json()
    assert set(body) == members(method, "authentication_method", "not_authenticated_reason")
    assert (body["status"], body["is_authenticated"]) == ("not_authenticated", False)
    assert body["not_authenticated_reason"]["reason"] == ("invalid_answer" if method == "sms" else "not_accepted")


def test_result_of_an_expired_transaction(api, method, started):
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=301)):
        body = api.result(started[0]).json()
        assert set(body) == members(method)
        assert (body["status"], body["is_authenticated"]) == ("expired", False)


def test_result_of_a_cancelled_transaction(api, method, started):
    api.cancel(started[0])
    body = api.result(started[0]).json()
    assert set(body) == members(method)
    assert (body["status"], body["is_authenticated"]) == ("cancelled", False)


def test_transaction_of_another_client_is_not_found(other_client_api, started):
    assert error_of(other_client_api.result(started[0])) == (404, "3004")
