"""Protection against push fatigue: limits of pushes per user and the cool-down after a denial."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.events.models import Event
from apps.transactions.models import PushDelivery, Transaction
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def device(enroll):
    return enroll()


@pytest.fixture
def start(portal, mobile_type, device):
    return lambda **fields: portal.start(mobile_type, device, **fields)


def retry_after(response):
    """Return the Retry-After seconds of a response with error 1429."""
    assert (response.status_code, response.json()["error_code"]) == (429, "1429"), response.content
    return int(response.headers["Retry-After"])


def test_eleventh_pending_push_is_rejected_until_one_ends(start, device):
    started = [start() for _number in range(10)]
    assert {response.status_code for response in started} == {200}
    before = Transaction.objects.count(), PushDelivery.objects.count()
    rejected = start()
    assert 0 < retry_after(rejected) <= 300
    assert rejected.json()["error_description"] == "The user has too many unanswered requests. Try again later."
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == before
    event = Event.objects.get(event_type="PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED")
    assert (event.user_id, event.details["limit"]) == ("anna", "max_pending_transactions")

    device.answer(device.fetch(started[0].json()["transaction_id"]), approve=False)
    assert start().status_code == 200
    assert start().status_code == 429
    Transaction.objects.filter(pk=started[1].json()["transaction_id"]).update(expires_at=timezone.now())
    assert start().status_code == 200


def test_resend_is_not_limited_by_pending_pushes(portal, device, switch):
    switch(max_pending_transactions=1)
    started = portal.start(factories.TypeFactory(method="push", max_resends=1), device).json()["transaction_id"]
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{started}/resend", {}).status_code == 204


def test_sms_transactions_do_not_affect_push_limits(start, api, switch):
    switch(max_pending_transactions=3, max_pushes_without_success=2)
    sms = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    number = {"phone_number": "+31612345678", "callback_uri": None}
    sms_started = [api.start(sms, **number).json()["transaction_id"] for _number in range(3)]
    assert start().status_code == 200
    code = Transaction.objects.get(pk=sms_started[0]).code
    assert api.verify(sms_started[0], code).status_code == 200
    assert [start().status_code, start().status_code] == [200, 429]


def test_limit_of_a_user_does_not_affect_other_users(start, portal, mobile_type, enroll):
    for _number in range(11):
        last = start()
    assert last.status_code == 429
    bert = enroll("bert")
    assert portal.start(mobile_type, bert, "bert").status_code == 200


def test_reached_limit_starts_no_fallback(portal, device, switch):
    switch(max_pending_transactions=1)
    sms = factories.TypeFactory(method="sms", default_messages={"en": "Your code: {code}"})
    push = factories.TypeFactory(method="push", fallback=sms)
    number = {"phone_number": "+31612345678"}
    assert portal.start(push, device, **number).json()["auth_method"] == "push"
    assert portal.start(push, device, **number).status_code == 429
    assert Transaction.objects.count() == 1


def test_pushes_without_approval_are_counted_over_an_hour_with_resends(portal, device, switch):
    switch(max_pushes_without_success=4)
    mobile_type = factories.TypeFactory(method="push", max_resends=10)

    def deny():
        response = portal.start(mobile_type, device)
        if response.status_code == 200:
            device.answer(device.fetch(response.json()["transaction_id"]), approve=False)
        return response

    def resend(transaction_id):
        return portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {})

    assert deny().status_code == 200
    pending = portal.start(mobile_type, device).json()["transaction_id"]
    assert resend(pending).status_code == resend(pending).status_code == 204
    assert 3500 < retry_after(portal.start(mobile_type, device)) <= 3600
    assert retry_after(resend(pending))
    assert PushDelivery.objects.count() == 4
    rejected = Event.objects.get(event_type="PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED")
    assert rejected.details["reason"] == "max_pushes_without_success"

    # An approval resets the count.
    device.answer(device.fetch(pending), approve=True)
    assert [deny().status_code for _number in range(5)] == [200, 200, 200, 200, 429]
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert 2300 < retry_after(deny()) <= 2400
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert deny().status_code == 200


def test_cool_down_after_a_denial_rejects_pushes(start, device, switch):
    switch(push_cooldown_after_denial_seconds=120)
    device.answer(device.fetch(start().json()["transaction_id"]), approve=False)
    assert 110 < retry_after(start()) <= 120
    with time_machine.travel(timezone.now() + timedelta(seconds=60)):
        assert 50 < retry_after(start()) <= 60
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert start().status_code == 200


@pytest.mark.skipif(connection.vendor == "sqlite", reason="the test client's threads would wait for one connection")
def test_concurrent_requests_cannot_exceed_the_limit(mobile_type, device, portal, switch):
    switch(max_pending_transactions=3)
    statuses = []

    def start_push():
        try:
            statuses.append(portal.start(mobile_type, device).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start_push) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200] * 3 + [429] * 5
    assert Transaction.objects.count() == 3


def test_locked_and_unknown_users_are_indistinguishable(portal, mobile_type, device, enroll):
    locked, unenrolled = enroll("locked"), enroll("unenrolled", push_token="")
    factories.FraudLockFactory(user_id="locked")
    sms_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    types = [
        mobile_type,
        factories.TypeFactory(method="push_with_pin", fallback=mobile_type),
        # Without a phone number.
        factories.TypeFactory(method="push", fallback=sms_type),
    ]
    devices = {"unknown": device, "locked": locked, "unenrolled": unenrolled}
    for requested_type, status in zip(types, (404, 404, 400), strict=True):
        outcomes = []
        for user_id, own_device in devices.items():
            with CaptureQueriesContext(connection) as captured:
                response = portal.start(requested_type, device, user_id, device_id=own_device.device_id)
            outcomes.append((response.status_code, response.content, len(captured)))
        assert len(set(outcomes)) == 1
        assert outcomes[0][0] == status
