"""E4 for every method and every end."""

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
    """Return a pending transaction of the method, and what its user can do."""
    if method == "sms":
        return sms_started, lambda **_answer: None
    if method == "push":
        transaction_id = api.start(mobile_type, device).json()["transaction_id"]
        return transaction_id, lambda approve: device.answer(device.fetch(transaction_id), approve=approve)
    body = api.start_otp(otp_type).json()

    def answer(approve):
        given = device.call("POST", "/device/v1/otp", {"profile_id": device.profile_id, "otp": body["otp"]})
        device.answer(device.open(given["message"]), approve=approve)

    return body["transaction_id"], answer


def members(method, *more):
    return ALWAYS | set(more) | (set() if method == "sms" else {"callback_uri"})


def test_a_pending_one(any_api, method, started):
    transaction_id, _answer = started
    answer = any_api.result(transaction_id)
    body = answer.json()
    assert set(body) == members(method)
    assert body.get("callback_uri", CALLBACK) == CALLBACK
    assert (body["status"], body["is_authenticated"]) == ("pending", False)
    assert body["user_id"] == ("" if method == "otp" else "anna")


def test_an_authenticated_one(api, method, started, row):
    transaction_id, answer = started
    if method == "sms":
        assert api.verify(transaction_id, row(transaction_id).code).status_code == 200
    answer(approve=True)
    body = api.result(transaction_id).json()
    assert set(body) == members(method, "authentication_method")
    assert (body["status"], body["is_authenticated"], body["user_id"]) == ("authenticated", True, "anna")
    assert body["authentication_method"] == method


def test_a_refused_one(api, method, started, sms_type):
    transaction_id, answer = started
    answer(approve=False)
    if method == "sms":
        for _ in range(sms_type.max_attempts):
            assert error_of(api.verify(transaction_id, "wrong")) == (404, "3003")
    body = api.result(transaction_id).json()
    assert set(body) == members(method, "authentication_method", "not_authenticated_reason")
    assert (body["status"], body["is_authenticated"]) == ("not_authenticated", False)
    assert body["not_authenticated_reason"]["reason"] == ("invalid_answer" if method == "sms" else "not_accepted")


def test_an_expired_one(api, method, started):
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=301)):
        body = api.result(started[0]).json()
        assert set(body) == members(method)
        assert (body["status"], body["is_authenticated"]) == ("expired", False)


def test_a_cancelled_one(api, method, started):
    api.cancel(started[0])
    body = api.result(started[0]).json()
    assert set(body) == members(method)
    assert (body["status"], body["is_authenticated"]) == ("cancelled", False)


def test_of_another_client_it_does_not_exist(stranger, started):
    assert error_of(stranger.result(started[0])) == (404, "3004")
