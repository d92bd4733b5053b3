"""A user is not worn out: so many pending pushes, so many without a success, a pause after a denial; beyond: 1429."""

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
def phone(enroll):
    return enroll()


@pytest.fixture
def start(portal, mobile_type, phone):
    return lambda **fields: portal.start(mobile_type, phone, **fields)


def limit_of(answer):
    """Return the seconds to wait that a refusal tells."""
    assert (answer.status_code, answer.json()["error_code"]) == (429, "1429"), answer.content
    return int(answer.headers["Retry-After"])


def test_the_eleventh_pending_push_is_refused_until_one_is_answered_or_over(start, phone):
    started = [start() for _number in range(10)]
    assert {answer.status_code for answer in started} == {200}
    before = Transaction.objects.count(), PushDelivery.objects.count()
    refused = start()
    assert 0 < limit_of(refused) <= 300
    assert refused.json()["error_description"] == "The user has too many unanswered requests. Try again later."
    assert (Transaction.objects.count(), PushDelivery.objects.count()) == before
    event = Event.objects.get(event_type="PUSH_AUTH_INIT_FAILURE_LIMIT_REACHED")
    assert (event.user_id, event.details["limit"]) == ("anna", "max_pending_transactions")

    phone.answer(phone.fetch(started[0].json()["transaction_id"]), approve=False)
    assert start().status_code == 200
    assert start().status_code == 429
    Transaction.objects.filter(pk=started[1].json()["transaction_id"]).update(expires_at=timezone.now())
    assert start().status_code == 200


def test_a_pending_push_is_sent_again_at_the_limit_of_pending_ones(portal, phone, switch):
    switch(max_pending_transactions=1)
    started = portal.start(factories.TypeFactory(method="push", max_resends=1), phone).json()["transaction_id"]
    assert portal.post(f"/oauth/api/v4/authenticate/transaction/{started}/resend", {}).status_code == 204


def test_codes_that_are_not_pushed_fill_no_limit_and_end_no_count(start, api, switch):
    switch(max_pending_transactions=3, max_pushes_without_success=2)
    sms = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    number = {"phone_number": "+31612345678", "callback_uri": None}
    texted = [api.start(sms, **number).json()["transaction_id"] for _number in range(3)]
    assert start().status_code == 200
    code = Transaction.objects.get(pk=texted[0]).code
    assert api.verify(texted[0], code).status_code == 200
    assert [start().status_code, start().status_code] == [200, 429]


def test_another_user_is_not_held_up(start, portal, mobile_type, enroll):
    for _number in range(11):
        last = start()
    assert last.status_code == 429
    bert = enroll("bert")
    assert portal.start(mobile_type, bert, "bert").status_code == 200


def test_no_fallback_is_started_beyond_a_limit(portal, phone, switch):
    switch(max_pending_transactions=1)
    sms = factories.TypeFactory(method="sms", default_messages={"en": "Your code: {code}"})
    push = factories.TypeFactory(method="push", fallback=sms)
    number = {"phone_number": "+31612345678"}
    assert portal.start(push, phone, **number).json()["auth_method"] == "push"
    assert portal.start(push, phone, **number).status_code == 429
    assert Transaction.objects.count() == 1


def test_pushes_without_success_are_counted_over_an_hour_with_those_that_are_sent_again(portal, phone, switch):
    switch(max_pushes_without_success=4)
    mobile_type = factories.TypeFactory(method="push", max_resends=10)

    def deny():
        answer = portal.start(mobile_type, phone)
        if answer.status_code == 200:
            phone.answer(phone.fetch(answer.json()["transaction_id"]), approve=False)
        return answer

    def again(transaction_id):
        return portal.post(f"/oauth/api/v4/authenticate/transaction/{transaction_id}/resend", {})

    assert deny().status_code == 200
    pending = portal.start(mobile_type, phone).json()["transaction_id"]
    assert again(pending).status_code == again(pending).status_code == 204
    assert 3500 < limit_of(portal.start(mobile_type, phone)) <= 3600
    assert limit_of(again(pending))
    assert PushDelivery.objects.count() == 4
    refused = Event.objects.get(event_type="PUSH_AUTH_RESEND_FAILURE_RESEND_LIMIT_REACHED")
    assert refused.details["reason"] == "max_pushes_without_success"

    # A success ends the count.
    phone.answer(phone.fetch(pending), approve=True)
    assert [deny().status_code for _number in range(5)] == [200, 200, 200, 200, 429]
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert 2300 < limit_of(deny()) <= 2400
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert deny().status_code == 200


def test_after_a_denial_no_push_goes_out_for_a_while(start, phone, switch):
    switch(push_cooldown_after_denial_seconds=120)
    phone.answer(phone.fetch(start().json()["transaction_id"]), approve=False)
    assert 110 < limit_of(start()) <= 120
    with time_machine.travel(timezone.now() + timedelta(seconds=60)):
        assert 50 < limit_of(start()) <= 60
    with time_machine.travel(timezone.now() + timedelta(seconds=121)):
        assert start().status_code == 200


@pytest.mark.skipif(connection.vendor == "sqlite", reason="the test client's threads would wait for one connection")
def test_of_many_at_once_no_more_get_through_than_one_after_the_other(mobile_type, phone, portal, switch):
    switch(max_pending_transactions=3)
    statuses = []

    def ask():
        try:
            statuses.append(portal.start(mobile_type, phone).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200] * 3 + [429] * 5
    assert Transaction.objects.count() == 3


def test_who_has_no_device_or_a_locked_one_is_told_the_same_after_the_same_work(portal, mobile_type, phone, enroll):
    locked, bare = enroll("locked"), enroll("bare", push_token="")
    factories.FraudLockFactory(user_id="locked")
    sms_type = factories.TypeFactory(method="sms", default_messages={"en": "{code}"})
    types = [
        mobile_type,
        factories.TypeFactory(method="push_with_pin", fallback=mobile_type),
        # Without a phone number.
        factories.TypeFactory(method="push", fallback=sms_type),
    ]
    for wanted, status in zip(types, (404, 404, 400), strict=True):
        told = []
        for user_id, device_id in (("nobody", phone.device_id), ("locked", locked.device_id), ("bare", bare.device_id)):
            with CaptureQueriesContext(connection) as captured:
                answer = portal.start(wanted, phone, user_id, device_id=device_id)
            told.append((answer.status_code, answer.content, len(captured)))
        assert len(set(told)) == 1
        assert told[0][0] == status
