"""Codes and resends at the same moment, on connections of their own."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from apps.transactions.models import SmsDelivery, Transaction
from tests.conftest import Portal

pytestmark = pytest.mark.django_db(transaction=True)
OK, SENT = 200, 204


@pytest.fixture
def at_once(texts):
    """Run calls at the same moment, each with a portal that has a connection of its own; return what they got."""

    def run(*calls):
        ready = threading.Barrier(len(calls))

        def one(call):
            try:
                own = type(texts)(Portal(Client(), texts.portal.api_client))
                ready.wait(timeout=20)
                return outcome(call(own))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls, timeout=60))

    return run


def outcome(answer):
    return answer.status_code if answer.status_code < 300 else answer.json()["error_code"]


@pytest.mark.parametrize("round_number", range(3))
def test_of_ten_right_codes_at_once_one_counts(texts, sms_type, at_once, round_number):
    started = texts.send(sms_type)
    sms_code = texts.code(started)
    Transaction.objects.update(max_attempts=0)
    outcomes = at_once(*[lambda own: own.verify(started, sms_code)] * 10)
    assert Counter(outcomes) == {OK: 1, "3004": 9}
    assert texts.kinds(started).count("SMS_AUTH_AUTHENTICATED") == 1


def test_of_ten_right_codes_at_once_one_counts_with_three_attempts_too(texts, sms_type, at_once):
    started = texts.send(sms_type)
    sms_code = texts.code(started)
    outcomes = at_once(*[lambda own: own.verify(started, sms_code)] * 10)
    assert Counter(outcomes) == {OK: 1, "3004": 9}
    assert texts.result(started) == ("authenticated", None)


@pytest.mark.parametrize("round_number", range(3))
def test_of_ten_wrong_codes_at_once_three_are_judged_and_it_ends(texts, sms_type, at_once, round_number):
    started = texts.send(sms_type)
    outcomes = at_once(*[lambda own: own.verify(started, "wrong")] * 10)
    assert Counter(outcomes) == {"3003": 3, "3004": 7}
    assert texts.result(started) == ("not_authenticated", "invalid_answer")
    kinds = Counter(texts.kinds(started))
    assert kinds["SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE"] == 3
    assert kinds["SMS_AUTH_VALIDATION_LIMIT_EXCEEDED"] == 1
    assert Transaction.objects.get(pk=started).attempts_used == 3


@pytest.mark.parametrize("round_number", range(5))
def test_a_resend_and_a_right_code_at_once_leave_no_valid_code(texts, sms_type, at_once, memory, round_number):
    started = texts.send(sms_type)
    sms_code = texts.code(started)
    verified, resent = at_once(lambda own: own.verify(started, sms_code), lambda own: own.resend(started))
    assert verified == OK
    assert resent in (SENT, "3004")
    texts.work()
    assert len(memory) == 1, "the transaction had ended before the worker came"
    assert outcome(texts.verify(started, sms_code)) == "3004"
    assert texts.result(started) == ("authenticated", None)


def test_of_ten_resends_at_once_two_are_sent(texts, sms_type, at_once, memory):
    started = texts.send(sms_type)
    outcomes = at_once(*[lambda own: own.resend(started)] * 10)
    assert Counter(outcomes) == {SENT: 2, "3006": 8}
    assert texts.work() == 2
    assert SmsDelivery.objects.count() == 3
    assert len({message.code for message, _sender in memory}) == 1


def test_workers_at_once_send_a_message_once(texts, sms_type, at_once, memory):
    texts.start(sms_type)
    ready = threading.Barrier(6)

    def work(_number):
        try:
            ready.wait(timeout=20)
            return texts.work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6), timeout=60)) == 1
    assert len(memory) == 1
