"""E7: the portal has the push of a pending transaction sent again, as often as the type allows."""

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


def test_it_stores_one_more_push(any_api, started, event_types):
    answer = any_api.resend_push(started)
    assert (answer.status_code, answer.content) == (204, b"")
    assert sent(started) == 2
    assert event_types()[-1] == "PUSH_AUTH_RESEND_SUCCESS"


def test_the_limit_of_the_type_holds(api, started, event_types):
    assert [api.resend_push(started).status_code for _ in range(2)] == [204, 204]
    for _ in range(2):
        answer = api.resend_push(started)
        assert error_of(answer) == (403, "3006")
        assert event_types()[-1] == "PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED"
    assert sent(started) == 3


def test_zero_means_never(api, make_type, device):
    started = api.start(make_type("push", max_resends=0), device).json()["transaction_id"]
    assert error_of(api.resend_push(started)) == (403, "3006")


def test_each_transaction_has_its_own_count(api, make_type, device):
    mobile_type = make_type("push", max_resends=1)
    for _ in range(2):
        started = api.start(mobile_type, device).json()["transaction_id"]
        assert api.resend_push(started).status_code == 204


def test_it_does_not_prolong_the_life(api, started, row):
    before = row(started).expires_at
    api.resend_push(started)
    assert row(started).expires_at == before


def test_otp_and_text_messages_are_not_found(api, otp_type, sms_started):
    otp = api.start_otp(otp_type).json()["transaction_id"]
    for transaction_id in (otp, sms_started):
        assert error_of(api.resend_push(transaction_id)) == (404, "3004")


@pytest.mark.parametrize("approve", [True, False])
def test_an_answered_one_is_not_found(api, started, device, approve):
    device.answer(device.fetch(started), approve=approve)
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_a_cancelled_one_is_not_found(api, started):
    api.cancel(started)
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_an_expired_one_is_not_found(api, started):
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=300)):
        assert error_of(api.resend_push(started)) == (404, "3004")


def test_of_another_client_it_is_not_found(stranger, started):
    assert error_of(stranger.resend_push(started)) == (404, "3004")
    assert sent(started) == 1


@pytest.mark.parametrize("text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "%00", "%ff"])
def test_an_unknown_one_is_not_found(api, started, text):
    assert error_of(api.resend_push(text)) == (404, "3004")


def test_a_resend_that_fails_after_a_push_that_arrived_does_not_end_the_transaction(
    api, started, device, fcm, deliver_pushes, profile_row
):
    deliver_pushes()
    fcm.script[profile_row(device).push_enrollment.token] = [UNREGISTERED]
    api.resend_push(started)
    deliver_pushes()
    assert sorted(PushDelivery.objects.values_list("state", flat=True)) == ["done", "failed"]
    assert api.result(started).json()["status"] == "pending"
    assert device.answer(device.fetch(started), approve=True) == "authenticated"


def test_a_first_push_that_fails_ends_the_transaction(api, started, device, fcm, deliver_pushes, profile_row):
    fcm.script[profile_row(device).push_enrollment.token] = [UNREGISTERED]
    deliver_pushes()
    result = api.result(started).json()
    assert result["not_authenticated_reason"] == {
        "reason": "failed_to_send",
        "description": "Push message failed to be sent",
    }
    assert error_of(api.resend_push(started)) == (404, "3004")


def test_without_a_push_token_left_there_is_nothing_to_send(api, started, device, profile_row):
    profile_row(device).push_enrollment.delete()
    assert error_of(api.resend_push(started)) == (404, "3004")


@pytest.mark.django_db(transaction=True)
def test_ten_resends_at_once_are_no_more_than_the_limit(portal, api, started):
    path = f"{api.base}/transaction/{started}/resend"
    headers = {"Authorization": portal.authorization}
    answers = at_once(*[lambda client: client.post(path, headers=headers)] * 10)
    assert sorted(answer.status_code for answer in answers) == [204] * 2 + [403] * 8
    assert sent(started) == 3
