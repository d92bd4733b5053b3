"""Idempotency-Key at E3: a repeat gets the same answer and starts nothing twice."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.transactions.models import UNANSWERED_LIFE, IdempotentRequest, PushDelivery, SmsDelivery, Transaction
from tests import factories
from tests.api.calls import CALLBACK, error_of, post_form
from tests.api.test_races import at_once
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER

KEY = "a-key-of-the-portal"


def test_a_repeat_gets_the_same_answer_and_starts_nothing(any_api, mobile_type, device):
    first, second = (any_api.start(mobile_type, device, key=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (1, 1)


def test_a_text_message_is_sent_once(api, sms_type):
    answers = {api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY).content for _ in range(3)}
    assert len(answers) == 1
    assert SmsDelivery.objects.count() == 1


def test_the_same_one_time_password_is_told_again(api, otp_type, device, scan):
    otps = {api.start_otp(otp_type, key=KEY).json()["otp"] for _ in range(2)}
    assert len(otps) == 1
    assert scan(device, otps.pop())["type"]["method"] == "otp"


def test_what_is_kept_of_the_answer_is_not_readable_in_the_database(api, otp_type):
    otp = api.start_otp(otp_type, key=KEY).json()["otp"]
    stored = IdempotentRequest.objects.extra(select={"raw": "answer"}).values_list("raw", flat=True)
    assert stored
    assert not any(otp in str(value) or KEY in str(value) for value in stored)


def test_without_a_key_each_request_starts_its_own(api, mobile_type, device):
    assert len({api.start(mobile_type, device).json()["transaction_id"] for _ in range(2)}) == 2


def test_other_keys_start_their_own(api, mobile_type, device):
    assert len({api.start(mobile_type, device, key=key).json()["transaction_id"] for key in ("a", "b", "A")}) == 3


@pytest.mark.parametrize("change", [{"message": "Other"}, {"user_id": "eva"}, {"unknown": "x"}, {"type": "x"}])
def test_the_same_key_with_other_parameters_is_refused(api, mobile_type, device, change):
    api.start(mobile_type, device, key=KEY)
    answer = api.start(mobile_type, device, key=KEY, **change)
    assert error_of(answer) == (422, "idempotency_key_reused")
    assert Transaction.objects.count() == 1


def test_another_version_is_another_request(portal, mobile_type, device):
    assert PortalApi(portal, 2).start(mobile_type, key=KEY).status_code == 200
    assert error_of(PortalApi(portal, 3).start(mobile_type, key=KEY)) == (422, "idempotency_key_reused")


def test_the_order_of_the_parameters_does_not_matter(portal, api, mobile_type, device):
    fields = [
        ("type", mobile_type.name),
        ("user_id", "anna"),
        ("device_id", device.device_id),
        ("callback_uri", CALLBACK),
    ]
    answers = {
        portal.post(f"{api.base}/user", order, **{"Idempotency-Key": KEY}).content for order in (fields, fields[::-1])
    }
    assert len(answers) == 1
    assert Transaction.objects.count() == 1


def test_credentials_in_the_body_are_no_parameters(client, portal, mobile_type, device):
    new_secret = portal.api_client.add_secret()
    portal.api_client.save()
    fields = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": device.device_id,
        "callback_uri": CALLBACK,
        "client_id": portal.api_client.client_id,
    }
    answers = [
        post_form(
            client,
            "/oauth/api/v4/authenticate/user",
            {**fields, "client_secret": secret},
            **{"Idempotency-Key": KEY},
        )
        for secret in (factories.CLIENT_SECRET, new_secret)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


def test_another_client_has_its_own_keys(api, stranger, mobile_type, device):
    first, second = (each.start(mobile_type, device, key=KEY).json() for each in (api, stranger))
    assert first["transaction_id"] != second["transaction_id"]


def test_errors_are_not_remembered(api, mobile_type, enroll):
    for fields, code in (({"message": "m" * 156}, "1005"), ({"callback_uri": "x"}, "1003"), ({}, "1001")):
        for _ in range(2):
            assert error_of(api.start(mobile_type, key=KEY, **fields))[1] == code
    assert not IdempotentRequest.objects.exists()
    assert api.start(mobile_type, enroll(), key=KEY).status_code == 200


@pytest.mark.parametrize("key", ["k" * 255, "\u00e9", '"quoted"', "a b", " "])
def test_any_key_of_up_to_255_characters_may_be_used(api, mobile_type, device, key):
    answers = {api.start(mobile_type, device, key=key).status_code for _ in range(2)}
    assert answers == {200}


def test_a_longer_key_is_refused_by_name(api, mobile_type, device):
    answer = api.start(mobile_type, device, key="k" * 256)
    assert error_of(answer) == (400, "1003")
    assert "Idempotency-Key" in answer.json()["description"]


def test_it_is_remembered_as_long_as_the_transaction_lives(api, mobile_type, device):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        first = api.start(mobile_type, device, key=KEY)
        clock.move_to(start + timedelta(seconds=300, milliseconds=-1))
        assert api.start(mobile_type, device, key=KEY).content == first.content
        clock.move_to(start + timedelta(seconds=300))
        assert api.start(mobile_type, device, key=KEY).json()["transaction_id"] != first.json()["transaction_id"]


def test_it_is_remembered_when_the_transaction_has_ended_early(api, mobile_type, device):
    first = api.start(mobile_type, device, key=KEY)
    api.cancel(first.json()["transaction_id"])
    assert api.start(mobile_type, device, key=KEY).content == first.content


def test_a_request_whose_process_died_blocks_its_key_for_a_minute(api, mobile_type, device):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        first = api.start(mobile_type, device, key=KEY)
        # What a process leaves that was killed before it could answer.
        IdempotentRequest.objects.update(answer="", expires_at=start + UNANSWERED_LIFE)
        clock.move_to(start + timedelta(seconds=59))
        assert error_of(api.start(mobile_type, device, key=KEY)) == (409, "idempotency_in_progress")
        assert error_of(api.start(mobile_type, device, key=KEY, message="x")) == (422, "idempotency_key_reused")
        clock.move_to(start + timedelta(seconds=60))
        again = api.start(mobile_type, device, key=KEY)
        assert again.status_code == 200
        assert again.json()["transaction_id"] != first.json()["transaction_id"]


def test_credentials_and_repeated_fields_are_judged_before_the_key(portal, api, mobile_type, device, client):
    api.start(mobile_type, device, key=KEY)
    answer = portal.post(f"{api.base}/user", [("type", "a"), ("type", "a")], **{"Idempotency-Key": KEY})
    assert error_of(answer) == (400, "1003")
    answer = client.post(f"{api.base}/user", headers={"Idempotency-Key": KEY})
    assert error_of(answer) == (401, "invalid_client")


@pytest.mark.django_db(transaction=True)
def test_of_ten_at_once_one_runs(portal, api, mobile_type, device):
    fields = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": device.device_id,
        "callback_uri": CALLBACK,
    }
    headers = {"Authorization": portal.authorization, "Idempotency-Key": KEY}
    answers = at_once(*[lambda client: post_form(client, f"{api.base}/user", fields, **headers)] * 10)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert {error_of(answer)[1] for answer in answers if answer.status_code == 409} <= {"idempotency_in_progress"}
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (1, 1)
