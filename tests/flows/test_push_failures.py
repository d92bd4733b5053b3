"""Pushes while FCM, its token endpoint or the connection to them fails."""

import json

import pytest

from apps.demo.device import DeviceApiError
from apps.demo.fcm import TOKEN_PATH
from tests.fakes import fcm
from tests.flows.waiting import gaps

pytestmark = pytest.mark.processes


def failed_to_send(installation, transaction_id):
    result = installation.wait_for_status(transaction_id, "not_authenticated")
    return result["not_authenticated_reason"]["reason"] == "failed_to_send"


@pytest.mark.parametrize("status", [429, 503])
def test_push_is_not_retried_before_retry_after(installation, status):
    user = installation.enroll()
    installation.fcm.script(user.push_token, {"status": status, "headers": {"Retry-After": "3"}, "body": "{}"})
    transaction_id = installation.start(user)
    pushes = installation.fcm.wait(user.push_token, 2)
    assert 3 <= gaps(pushes)[0] < 5
    assert {json.loads(push["body"])["message"]["android"]["collapse_key"] for push in pushes} == {transaction_id}
    assert installation.result(transaction_id)["status"] == "pending"


def test_network_errors_are_retried_within_two_seconds(installation):
    failures = [
        {"reset": True},
        {"status": 200, "truncate": True, "body": json.dumps({"name": "projects/shop/messages/1"})},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        fcm.UNAVAILABLE,
        fcm.HTML,
    ]
    users = [installation.enroll() for _failure in failures]
    for user, failure in zip(users, failures, strict=True):
        installation.fcm.script(user.push_token, failure)
        installation.start(user)
    for user in users:
        pushes = installation.fcm.wait(user.push_token, 2)
        assert gaps(pushes)[0] < 2.6


def test_hanging_push_times_out_without_delaying_others(installation):
    delayed, fast = installation.enroll(), installation.enroll()
    installation.fcm.script(delayed.push_token, {"delay": 30})
    installation.start(delayed)
    installation.fcm.wait(delayed.push_token)
    installation.start(fast)
    installation.fcm.wait(fast.push_token, status=200, seconds=1)
    pushes = installation.fcm.wait(delayed.push_token, 2, seconds=14)
    assert 9 <= gaps(pushes)[0] < 13
    installation.fcm.release()


def test_rejected_access_token_is_replaced_once(installation):
    user = installation.enroll()
    installation.start(user)
    installation.fcm.wait(user.push_token, status=200)
    before = len(installation.fcm.token_requests())
    installation.fcm.revoke()
    installation.start(user)
    pushes = installation.fcm.wait(user.push_token, 3)
    assert [push["status"] for push in installation.fcm.wait(user.push_token, 2, status=200)] == [200, 200]
    assert pushes[1]["headers"]["authorization"] != pushes[2]["headers"]["authorization"]
    assert len(installation.fcm.token_requests()) == before + 1


def test_second_rejection_of_the_access_token_is_permanent(installation):
    user, path = installation.enroll(), installation.path()
    installation.fcm.script(user.push_token, fcm.UNAUTHENTICATED, fcm.UNAUTHENTICATED)
    transaction_id = installation.start(user, path)
    installation.portal.wait(path)
    assert failed_to_send(installation, transaction_id)
    installation.fcm.assert_count_stays(user.push_token, 2)


def test_rejected_push_is_a_permanent_failure(installation):
    user, path = installation.enroll(), installation.path()
    installation.fcm.script(user.push_token, {"status": 403, "body": '{"error": {"status": "PERMISSION_DENIED"}}'})
    transaction_id = installation.start(user, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)


def test_invalid_push_token_is_removed_and_the_enrolment_kept(installation):
    user, path = installation.enroll(), installation.path()
    installation.fcm.script(user.push_token, fcm.UNREGISTERED)
    transaction_id = installation.start(user, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)

    fields = {"type": "login", "user_id": user.user_id, "device_id": user.device.device_id}
    status, body = installation.call(
        "/oauth/api/v4/authenticate/user", {**fields, "callback_uri": installation.portal.url + path}
    )
    assert (status, body["error_code"]) == (404, "1001")

    user.device.enroll_push(user.push_token)
    new_transaction = installation.start(user)
    installation.fcm.wait(user.push_token, status=200)
    assert installation.answer(user, new_transaction) == "authenticated"


def test_unreachable_token_endpoint_is_retried(installation):
    user = installation.enroll("3.0.0")
    installation.fcm.script(TOKEN_PATH, {"reset": True}, {"status": 502, "body": "<html>"})
    before = len(installation.fcm.token_requests())
    transaction_id = installation.start(user)
    installation.fcm.wait(user.push_token, status=200, seconds=11)
    assert len(installation.fcm.token_requests()) == before + 3
    assert installation.result(transaction_id)["status"] == "pending"


def test_rejected_service_account_fails_one_push_permanently(installation):
    user, path = installation.enroll("4.0.0"), installation.path()
    installation.fcm.script(TOKEN_PATH, fcm.INVALID_GRANT)
    transaction_id = installation.start(user, path)
    installation.portal.wait(path)
    assert failed_to_send(installation, transaction_id)
    assert installation.fcm.received(user.push_token) == []
    installation.start(user)
    installation.fcm.wait(user.push_token, status=200)


def test_push_of_an_ended_transaction_is_not_retried(installation):
    user = installation.enroll()
    installation.fcm.script(user.push_token, fcm.UNAVAILABLE)
    transaction_id = installation.start(user)
    installation.fcm.wait(user.push_token, status=503)
    assert installation.answer(user, transaction_id) == "authenticated"
    installation.fcm.assert_count_stays(user.push_token, 1, seconds=2.5)
    with pytest.raises(DeviceApiError, match="404"):
        user.device.fetch(transaction_id)
