"""Idempotency-Key at E3: a repeat gets the same answer and starts nothing twice."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.test import Client

from apps.api.portal import serializers
from apps.common import advisory_locks
from apps.enrollment.models import Profile
from apps.events.models import Event
from apps.transactions.models import IdempotentRequest, PushDelivery, SmsDelivery, SmsUsage, Transaction
from tests import factories
from tests.api.calls import CALLBACK, error_of, post_form
from tests.api.test_races import at_once
from tests.flows.waiting import wait_until
from tests.portal.calls import PortalApi
from tests.portal.conftest import PHONE_NUMBER

KEY = "a-key-of-the-portal"
IN_PROGRESS, REUSED = (409, "idempotency_in_progress"), (422, "idempotency_key_reused")
POSTGRES = os.environ["TEST_BACKEND"] == "postgres"
postgres_only = pytest.mark.skipif(not POSTGRES, reason="SQLite has one writer: a repeat waits for the first request")


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
    stored = IdempotentRequest.objects.extra(select={"raw": "response"}).values_list("raw", flat=True)
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


def test_an_expired_key_takes_other_parameters_and_is_remembered_again(api, mobile_type, device):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.start(mobile_type, device, key=KEY)
        clock.shift(300)
        second = api.start(mobile_type, device, key=KEY, message="Other")
        assert second.status_code == 200
        assert api.start(mobile_type, device, key=KEY, message="Other").content == second.content
        assert error_of(api.start(mobile_type, device, key=KEY)) == REUSED


def test_a_repeat_in_another_language_gets_the_same_body(api, mobile_type, device):
    answers = {
        api.portal.post(
            f"{api.base}/user",
            {"type": mobile_type.name, "user_id": "anna", "callback_uri": CALLBACK, **api.target(device)},
            **{"Idempotency-Key": KEY, "Accept-Language": language},
        ).content
        for language in ("en", "nl", "fr")
    }
    assert len(answers) == 1


def test_a_repeat_is_answered_when_the_phone_and_the_type_are_gone(api, mobile_type, device):
    first = api.start(mobile_type, device, key=KEY)
    Profile.objects.all().delete()
    mobile_type.delete()
    assert api.start(mobile_type, device, key=KEY).content == first.content


def test_a_repeat_under_a_new_encryption_key_gets_the_same_body(api, otp_type, settings):
    first = api.start_otp(otp_type, key=KEY)
    settings.FIELD_ENCRYPTION_KEYS = [os.urandom(32), *settings.FIELD_ENCRYPTION_KEYS]
    assert api.start_otp(otp_type, key=KEY).content == first.content


def test_a_start_beyond_a_limit_is_noted_and_not_remembered(api, sms_type, switch):
    switch(sms_per_number_per_hour=1)
    api.start(sms_type, phone_number=PHONE_NUMBER)
    for _ in range(2):
        assert error_of(api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY)) == (429, "1429")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_LIMIT_REACHED").count() == 2
    assert (Transaction.objects.count(), SmsUsage.objects.get().sent) == (1, 1)
    switch(sms_per_number_per_hour=2)
    assert api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY).status_code == 200


def test_an_answer_that_cannot_be_stored_undoes_the_start(api, mobile_type, device, monkeypatch):
    def fail(row):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(IdempotentRequest, "save", fail)
        assert api.start(mobile_type, device, key=KEY).status_code == 500
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (0, 0)
    assert api.start(mobile_type, device, key=KEY).status_code == 200


def test_credentials_and_repeated_fields_are_judged_before_the_key(portal, api, mobile_type, device, client):
    api.start(mobile_type, device, key=KEY)
    answer = portal.post(f"{api.base}/user", [("type", "a"), ("type", "a")], **{"Idempotency-Key": KEY})
    assert error_of(answer) == (400, "1003")
    answer = client.post(f"{api.base}/user", headers={"Idempotency-Key": KEY})
    assert error_of(answer) == (401, "invalid_client")


@pytest.fixture
def send(transactional_db, portal, mobile_type, device):
    """Return what starts with the key as a client of its own, as a thread can."""
    fields = {"type": mobile_type.name, "user_id": "anna", "device_id": device.device_id, "callback_uri": CALLBACK}
    headers = {"Authorization": portal.authorization, "Idempotency-Key": KEY}

    def run(client=None, **more):
        return post_form(client or Client(), "/oauth/api/v4/authenticate/user", {**fields, **more}, **headers)

    return run


@pytest.fixture
def behind():
    """Return what calls in one of two threads, which give their connections back."""

    def run(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        yield lambda call: pool.submit(run, call)


def test_of_ten_at_once_one_runs(send):
    answers = at_once(*[send] * 10)
    assert {answer.status_code for answer in answers} <= ({200, 409} if POSTGRES else {200})
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert {error_of(answer)[1] for answer in answers if answer.status_code == 409} <= {"idempotency_in_progress"}
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (1, 1)


@postgres_only
def test_a_repeat_is_refused_at_once_while_the_first_request_runs(send, behind):
    with transaction.atomic():
        # The first request waits for this lock inside its database transaction.
        list(Profile.objects.select_for_update())
        first = behind(send)
        wait_until(somebody_waits_for_a_row)
        assert error_of(behind(send).result(10)) == IN_PROGRESS
    assert first.result().status_code == 200
    assert send().content == first.result().content
    assert error_of(send(message="Other")) == REUSED
    assert Transaction.objects.count() == 1


def somebody_waits_for_a_row():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


@postgres_only
def test_a_machine_that_is_lost_blocks_its_key_only_for_a_while(send, behind, monkeypatch):
    monkeypatch.setattr(advisory_locks, "MAX_IDLE_SECONDS", 0.3)
    answer_of, inside, is_over = serializers.serialize_started, threading.Event(), threading.Event()

    def silent_once(started):
        if not inside.is_set():
            inside.set()
            is_over.wait(20)
        return answer_of(started)

    monkeypatch.setattr(serializers, "serialize_started", silent_once)
    first = behind(send)
    assert inside.wait(10)
    assert error_of(send()) == IN_PROGRESS
    wait_until(lambda: send().status_code == 200)
    is_over.set()
    assert error_of(first.result()) == (503, "1002")
    assert Transaction.objects.count() == 1
