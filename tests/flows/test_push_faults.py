"""What becomes of a push when FCM, its token endpoint or the way there has a fault."""

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
def test_a_push_that_fcm_puts_off_is_sent_again_not_before_the_wished_time(installation, status):
    phone = installation.enroll()
    installation.fcm.script(phone.push_token, {"status": status, "headers": {"Retry-After": "3"}, "body": "{}"})
    transaction_id = installation.start(phone)
    pushes = installation.fcm.wait(phone.push_token, 2)
    assert 3 <= gaps(pushes)[0] < 5
    assert {json.loads(push["body"])["message"]["android"]["collapse_key"] for push in pushes} == {transaction_id}
    assert installation.result(transaction_id)["status"] == "pending"


def test_faults_on_the_way_are_tried_again_within_two_seconds(installation):
    faults = [
        {"reset": True},
        {"status": 200, "truncate": True, "body": json.dumps({"name": "projects/shop/messages/1"})},
        {"status": 502, "body": "<html>Bad gateway</html>"},
        fcm.UNAVAILABLE,
        fcm.HTML,
    ]
    phones = [installation.enroll() for _fault in faults]
    for phone, fault in zip(phones, faults, strict=True):
        installation.fcm.script(phone.push_token, fault)
        installation.start(phone)
    for phone in phones:
        pushes = installation.fcm.wait(phone.push_token, 2)
        assert gaps(pushes)[0] < 2.6


def test_a_hanging_request_holds_up_no_other_push_and_is_given_up(installation):
    slow, quick = installation.enroll(), installation.enroll()
    installation.fcm.script(slow.push_token, {"delay": 30})
    installation.start(slow)
    installation.fcm.wait(slow.push_token)
    installation.start(quick)
    installation.fcm.wait(quick.push_token, status=200, seconds=1)
    pushes = installation.fcm.wait(slow.push_token, 2, seconds=14)
    assert 9 <= gaps(pushes)[0] < 13
    installation.fcm.release()


def test_a_refused_access_token_is_replaced_once(installation):
    phone = installation.enroll()
    installation.start(phone)
    installation.fcm.wait(phone.push_token, status=200)
    before = len(installation.fcm.token_requests())
    installation.fcm.revoke()
    installation.start(phone)
    pushes = installation.fcm.wait(phone.push_token, 3)
    assert [push["status"] for push in installation.fcm.wait(phone.push_token, 2, status=200)] == [200, 200]
    assert pushes[1]["headers"]["authorization"] != pushes[2]["headers"]["authorization"]
    assert len(installation.fcm.token_requests()) == before + 1


def test_a_second_refusal_of_the_access_token_is_final(installation):
    phone, path = installation.enroll(), installation.path()
    installation.fcm.script(phone.push_token, fcm.UNAUTHENTICATED, fcm.UNAUTHENTICATED)
    transaction_id = installation.start(phone, path)
    installation.portal.wait(path)
    assert failed_to_send(installation, transaction_id)
    installation.fcm.assert_count_stays(phone.push_token, 2)


def test_a_refusal_is_final_at_once(installation):
    phone, path = installation.enroll(), installation.path()
    installation.fcm.script(phone.push_token, {"status": 403, "body": '{"error": {"status": "PERMISSION_DENIED"}}'})
    transaction_id = installation.start(phone, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)


def test_a_dead_token_is_dropped_and_the_enrolment_kept(installation):
    phone, path = installation.enroll(), installation.path()
    installation.fcm.script(phone.push_token, fcm.UNREGISTERED)
    transaction_id = installation.start(phone, path)
    installation.portal.wait(path, seconds=2)
    assert failed_to_send(installation, transaction_id)

    fields = {"type": "login", "user_id": phone.user_id, "device_id": phone.device.device_id}
    status, body = installation.call(
        "/oauth/api/v4/authenticate/user", {**fields, "callback_uri": installation.portal.url + path}
    )
    assert (status, body["error_code"]) == (404, "1001")

    phone.device.enroll_push(phone.push_token)
    again = installation.start(phone)
    installation.fcm.wait(phone.push_token, status=200)
    assert installation.answer(phone, again) == "authenticated"


def test_an_unreachable_token_endpoint_is_tried_again(installation):
    phone = installation.enroll("3.0.0")
    installation.fcm.script(TOKEN_PATH, {"reset": True}, {"status": 502, "body": "<html>"})
    before = len(installation.fcm.token_requests())
    transaction_id = installation.start(phone)
    installation.fcm.wait(phone.push_token, status=200, seconds=11)
    assert len(installation.fcm.token_requests()) == before + 3
    assert installation.result(transaction_id)["status"] == "pending"


def test_a_service_account_that_google_refuses_is_final_and_the_next_push_asks_again(installation):
    phone, path = installation.enroll("4.0.0"), installation.path()
    installation.fcm.script(TOKEN_PATH, fcm.INVALID_GRANT)
    transaction_id = installation.start(phone, path)
    installation.portal.wait(path)
    assert failed_to_send(installation, transaction_id)
    assert installation.fcm.received(phone.push_token) == []
    installation.start(phone)
    installation.fcm.wait(phone.push_token, status=200)


def test_the_push_of_a_transaction_that_ended_is_not_sent_again(installation):
    phone = installation.enroll()
    installation.fcm.script(phone.push_token, fcm.UNAVAILABLE)
    transaction_id = installation.start(phone)
    installation.fcm.wait(phone.push_token, status=503)
    assert installation.answer(phone, transaction_id) == "authenticated"
    installation.fcm.assert_count_stays(phone.push_token, 1, seconds=2.5)
    with pytest.raises(DeviceApiError, match="404"):
        phone.device.fetch(transaction_id)
