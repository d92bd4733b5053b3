"""Concurrent verifications, resends and deliveries, on separate connections."""

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
def run_concurrently(sms_flow):
    """Run calls concurrently, each with its own portal and connection, and return their outcomes."""

    def run(*calls):
        ready = threading.Barrier(len(calls))

        def run_call(call):
            try:
                flow = type(sms_flow)(Portal(Client(), sms_flow.portal.api_client))
                ready.wait(timeout=20)
                return outcome(call(flow))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run_call, calls, timeout=60))

    return run


def outcome(response):
    return response.status_code if response.status_code < 300 else response.json()["error_code"]


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_valid_codes_authenticate_once(sms_flow, sms_type, run_concurrently, round_number):
    transaction_id = sms_flow.send(sms_type)
    sms_code = sms_flow.code(transaction_id)
    Transaction.objects.update(max_attempts=0)
    outcomes = run_concurrently(*[lambda flow: flow.verify(transaction_id, sms_code)] * 10)
    assert Counter(outcomes) == {OK: 1, "3004": 9}
    assert sms_flow.event_types(transaction_id).count("SMS_AUTH_AUTHENTICATED") == 1


def test_concurrent_valid_codes_use_no_attempts_up(sms_flow, sms_type, run_concurrently):
    transaction_id = sms_flow.send(sms_type)
    sms_code = sms_flow.code(transaction_id)
    outcomes = run_concurrently(*[lambda flow: flow.verify(transaction_id, sms_code)] * 10)
    assert Counter(outcomes) == {OK: 1, "3004": 9}
    assert sms_flow.result(transaction_id) == ("authenticated", None)


@pytest.mark.parametrize("round_number", range(3))
def test_concurrent_wrong_codes_respect_the_attempt_limit(sms_flow, sms_type, run_concurrently, round_number):
    transaction_id = sms_flow.send(sms_type)
    outcomes = run_concurrently(*[lambda flow: flow.verify(transaction_id, "wrong")] * 10)
    assert Counter(outcomes) == {"3003": 3, "3004": 7}
    assert sms_flow.result(transaction_id) == ("not_authenticated", "invalid_answer")
    event_types = Counter(sms_flow.event_types(transaction_id))
    assert event_types["SMS_AUTH_NOT_AUTHENTICATED_INVALID_VERIFICATION_CODE"] == 3
    assert event_types["SMS_AUTH_VALIDATION_LIMIT_EXCEEDED"] == 1
    assert Transaction.objects.get(pk=transaction_id).attempts_used == 3


@pytest.mark.parametrize("round_number", range(5))
def test_concurrent_resend_and_valid_code_leave_no_valid_code(
    sms_flow, sms_type, run_concurrently, sent_messages, round_number
):
    transaction_id = sms_flow.send(sms_type)
    sms_code = sms_flow.code(transaction_id)
    verified, resent = run_concurrently(
        lambda flow: flow.verify(transaction_id, sms_code), lambda flow: flow.resend(transaction_id)
    )
    assert verified == OK
    assert resent in (SENT, "3004")
    sms_flow.work()
    assert len(sent_messages) == 1, "the transaction had ended before the worker came"
    assert outcome(sms_flow.verify(transaction_id, sms_code)) == "3004"
    assert sms_flow.result(transaction_id) == ("authenticated", None)


def test_concurrent_resends_respect_the_limit(sms_flow, sms_type, run_concurrently, sent_messages):
    transaction_id = sms_flow.send(sms_type)
    outcomes = run_concurrently(*[lambda flow: flow.resend(transaction_id)] * 10)
    assert Counter(outcomes) == {SENT: 2, "3006": 8}
    assert sms_flow.work() == 2
    assert SmsDelivery.objects.count() == 3
    assert len({message.code for message, _sender in sent_messages}) == 1


def test_concurrent_workers_send_a_message_once(sms_flow, sms_type, run_concurrently, sent_messages):
    sms_flow.start(sms_type)
    ready = threading.Barrier(6)

    def work(_number):
        try:
            ready.wait(timeout=20)
            return sms_flow.work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(work, range(6), timeout=60)) == 1
    assert len(sent_messages) == 1
