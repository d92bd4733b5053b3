"""Idempotency-Key at E3: a repeat gets the same response and starts nothing."""

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


def test_repeat_gets_the_same_response_and_starts_nothing(any_api, mobile_type, device):
    first, second = (any_api.start(mobile_type, device, key=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (1, 1)


def test_repeat_sends_one_sms(api, sms_type):
    responses = {api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY).content for _ in range(3)}
    assert len(responses) == 1
    assert SmsDelivery.objects.count() == 1


def test_repeat_returns_the_same_one_time_password(api, otp_type, device, scan):
    otps = {api.start_otp(otp_type, key=KEY).json()["otp"] for _ in range(2)}
    assert len(otps) == 1
    assert scan(device, otps.pop())["type"]["method"] == "otp"


def test_stored_response_is_encrypted(api, otp_type):
    otp = api.start_otp(otp_type, key=KEY).json()["otp"]
    stored = IdempotentRequest.objects.extra(select={"raw": "response"}).values_list("raw", flat=True)
    assert stored
    assert not any(otp in str(value) or KEY in str(value) for value in stored)


def test_requests_without_a_key_start_separate_transactions(api, mobile_type, device):
    assert len({api.start(mobile_type, device).json()["transaction_id"] for _ in range(2)}) == 2


def test_different_keys_start_separate_transactions(api, mobile_type, device):
    assert len({api.start(mobile_type, device, key=key).json()["transaction_id"] for key in ("a", "b", "A")}) == 3


@pytest.mark.parametrize("change", [{"message": "Other"}, {"user_id": "eva"}, {"unknown": "x"}, {"type": "x"}])
def test_reused_key_with_other_parameters_is_rejected(api, mobile_type, device, change):
    api.start(mobile_type, device, key=KEY)
    response = api.start(mobile_type, device, key=KEY, **change)
    assert error_of(response) == (422, "idempotency_key_reused")
    assert Transaction.objects.count() == 1


def test_reused_key_in_another_version_is_rejected(portal, mobile_type, device):
    assert PortalApi(portal, 2).start(mobile_type, key=KEY).status_code == 200
    assert error_of(PortalApi(portal, 3).start(mobile_type, key=KEY)) == (422, "idempotency_key_reused")


def test_order_of_parameters_is_ignored(portal, api, mobile_type, device):
    fields = [
        ("type", mobile_type.name),
        ("user_id", "anna"),
        ("device_id", device.device_id),
        ("callback_uri", CALLBACK),
    ]
    responses = {
        portal.post(f"{api.base}/user", order, **{"Idempotency-Key": KEY}).content for order in (fields, fields[::-1])
    }
    assert len(responses) == 1
    assert Transaction.objects.count() == 1


def test_credentials_in_the_body_are_ignored(client, portal, mobile_type, device):
    new_secret = portal.api_client.add_secret()
    portal.api_client.save()
    fields = {
        "type": mobile_type.name,
        "user_id": "anna",
        "device_id": device.device_id,
        "callback_uri": CALLBACK,
        "client_id": portal.api_client.client_id,
    }
    responses = [
        post_form(
            client,
            "/oauth/api/v4/authenticate/user",
            {**fields, "client_secret": secret},
            **{"Idempotency-Key": KEY},
        )
        for secret in (factories.CLIENT_SECRET, new_secret)
    ]
    assert [response.status_code for response in responses] == [200, 200]
    assert responses[0].content == responses[1].content


def test_keys_are_separate_for_each_client(api, other_client_api, mobile_type, device):
    first, second = (client.start(mobile_type, device, key=KEY).json() for client in (api, other_client_api))
    assert first["transaction_id"] != second["transaction_id"]


def test_errors_are_not_stored(api, mobile_type, enroll):
    for fields, code in (({"message": "m" * 156}, "1005"), ({"callback_uri": "x"}, "1003"), ({}, "1001")):
        for _ in range(2):
            assert error_of(api.start(mobile_type, key=KEY, **fields))[1] == code
    assert not IdempotentRequest.objects.exists()
    assert api.start(mobile_type, enroll(), key=KEY).status_code == 200


@pytest.mark.parametrize("key", ["k" * 255, "\u00e9", '"quoted"', "a b", " "])
def test_key_of_up_to_255_characters_is_accepted(api, mobile_type, device, key):
    responses = {api.start(mobile_type, device, key=key).status_code for _ in range(2)}
    assert responses == {200}


def test_longer_key_is_rejected(api, mobile_type, device):
    response = api.start(mobile_type, device, key="k" * 256)
    assert error_of(response) == (400, "1003")
    assert "Idempotency-Key" in response.json()["description"]


def test_response_is_stored_until_the_transaction_expires(api, mobile_type, device):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        first = api.start(mobile_type, device, key=KEY)
        clock.move_to(start + timedelta(seconds=300, milliseconds=-1))
        assert api.start(mobile_type, device, key=KEY).content == first.content
        clock.move_to(start + timedelta(seconds=300))
        assert api.start(mobile_type, device, key=KEY).json()["transaction_id"] != first.json()["transaction_id"]


def test_response_of_an_ended_transaction_is_repeated(api, mobile_type, device):
    first = api.start(mobile_type, device, key=KEY)
    api.cancel(first.json()["transaction_id"])
    assert api.start(mobile_type, device, key=KEY).content == first.content


def test_expired_key_can_be_used_with_other_parameters(api, mobile_type, device):
    with time_machine.travel(datetime.now(UTC), tick=False) as clock:
        api.start(mobile_type, device, key=KEY)
        clock.shift(300)
        second = api.start(mobile_type, device, key=KEY, message="Other")
        assert second.status_code == 200
        assert api.start(mobile_type, device, key=KEY, message="Other").content == second.content
        assert error_of(api.start(mobile_type, device, key=KEY)) == REUSED


def test_repeat_in_another_language_gets_the_same_body(api, mobile_type, device):
    responses = {
        api.portal.post(
            f"{api.base}/user",
            {"type": mobile_type.name, "user_id": "anna", "callback_uri": CALLBACK, **api.target(device)},
            **{"Idempotency-Key": KEY, "Accept-Language": language},
        ).content
        for language in ("en", "nl", "fr")
    }
    assert len(responses) == 1


def test_repeat_does_not_need_the_device_or_the_type(api, mobile_type, device):
    first = api.start(mobile_type, device, key=KEY)
    Profile.objects.all().delete()
    mobile_type.delete()
    assert api.start(mobile_type, device, key=KEY).content == first.content


def test_repeat_after_a_key_rotation_gets_the_same_body(api, otp_type, settings):
    first = api.start_otp(otp_type, key=KEY)
    settings.FIELD_ENCRYPTION_KEYS = [os.urandom(32), *settings.FIELD_ENCRYPTION_KEYS]
    assert api.start_otp(otp_type, key=KEY).content == first.content


def test_start_above_a_limit_is_recorded_but_not_stored(api, sms_type, switch):
    switch(sms_per_number_per_hour=1)
    api.start(sms_type, phone_number=PHONE_NUMBER)
    for _ in range(2):
        assert error_of(api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY)) == (429, "1429")
    assert Event.objects.filter(event_type="SMS_AUTH_INIT_FAILURE_LIMIT_REACHED").count() == 2
    assert (Transaction.objects.count(), SmsUsage.objects.get().sent) == (1, 1)
    switch(sms_per_number_per_hour=2)
    assert api.start(sms_type, phone_number=PHONE_NUMBER, key=KEY).status_code == 200


def test_response_that_cannot_be_stored_rolls_back_the_start(api, mobile_type, device, monkeypatch):
    def fail(row):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(IdempotentRequest, "save", fail)
        assert api.start(mobile_type, device, key=KEY).status_code == 500
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (0, 0)
    assert api.start(mobile_type, device, key=KEY).status_code == 200


def test_credentials_and_parameters_are_checked_before_the_key(portal, api, mobile_type, device, client):
    api.start(mobile_type, device, key=KEY)
    response = portal.post(f"{api.base}/user", [("type", "a"), ("type", "a")], **{"Idempotency-Key": KEY})
    assert error_of(response) == (400, "1003")
    response = client.post(f"{api.base}/user", headers={"Idempotency-Key": KEY})
    assert error_of(response) == (401, "invalid_client")


@pytest.fixture
def send(transactional_db, portal, mobile_type, device):
    """Return a function that starts a transaction with the key. Each call has its own client, so threads can use it."""
    fields = {"type": mobile_type.name, "user_id": "anna", "device_id": device.device_id, "callback_uri": CALLBACK}
    headers = {"Authorization": portal.authorization, "Idempotency-Key": KEY}

    def run(client=None, **more):
        return post_form(client or Client(), "/oauth/api/v4/authenticate/user", {**fields, **more}, **headers)

    return run


@pytest.fixture
def run_in_thread():
    """Return a function that runs a call in one of two threads and closes its database connections."""

    def run(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        yield lambda call: pool.submit(run, call)


def test_one_of_ten_concurrent_requests_runs(send):
    responses = at_once(*[send] * 10)
    assert {response.status_code for response in responses} <= ({200, 409} if POSTGRES else {200})
    assert len({response.content for response in responses if response.status_code == 200}) == 1
    conflicts = [response for response in responses if response.status_code == 409]
    assert {error_of(response)[1] for response in conflicts} <= {"idempotency_in_progress"}
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == (1, 1)


@postgres_only
def test_repeat_during_the_first_request_is_rejected_immediately(send, run_in_thread):
    with transaction.atomic():
        # The first request waits for this lock inside its database transaction.
        list(Profile.objects.select_for_update())
        first = run_in_thread(send)
        wait_until(is_row_lock_awaited)
        assert error_of(run_in_thread(send).result(10)) == IN_PROGRESS
    assert first.result().status_code == 200
    assert send().content == first.result().content
    assert error_of(send(message="Other")) == REUSED
    assert Transaction.objects.count() == 1


def is_row_lock_awaited():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return cursor.fetchone()[0]


@postgres_only
def test_lost_machine_blocks_its_key_only_temporarily(send, run_in_thread, monkeypatch):
    monkeypatch.setattr(advisory_locks, "MAX_IDLE_SECONDS", 0.3)
    serialize, entered, resume = serializers.serialize_started, threading.Event(), threading.Event()

    def block_first_call(started):
        if not entered.is_set():
            entered.set()
            resume.wait(20)
        return serialize(started)

    monkeypatch.setattr(serializers, "serialize_started", block_first_call)
    first = run_in_thread(send)
    assert entered.wait(10)
    assert error_of(send()) == IN_PROGRESS
    wait_until(lambda: send().status_code == 200)
    resume.set()
    assert error_of(first.result()) == (503, "1002")
    assert Transaction.objects.count() == 1
