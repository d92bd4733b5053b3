"""Lock after wrong codes in all transactions of a user (NIST SP 800-63B-4, 3.2.2: at most 100 in a row)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db import transaction as database

from apps.events.models import Event
from apps.transactions import locks
from apps.transactions.methods import code_failures
from apps.transactions.models import CodeFailures
from tests import factories
from tests.commands.command_runner import run
from tests.sms.test_codes import WRONG, error, other_code

pytestmark = pytest.mark.django_db
LOCKED = (429, "1429")


@pytest.fixture
def free_type(db):
    return factories.TypeFactory(method="sms", default_messages={"en": "{code}"}, max_attempts=0, time_to_live=600)


@pytest.fixture
def verify_wrong_codes(sms_flow, free_type):
    """Verify wrong codes, each in a new transaction; returns the responses."""

    def verify_all(count, user_id="anna"):
        responses = []
        for _number in range(count):
            transaction_id = sms_flow.start(free_type, user_id)
            responses.append(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)), user_id))
        return responses

    return verify_all


def test_wrong_codes_of_all_transactions_lock_the_user(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    pending_id = sms_flow.start(free_type)
    assert [error(response) for response in verify_wrong_codes(3)] == [WRONG] * 3
    response = sms_flow.verify(pending_id, sms_flow.code(pending_id))
    assert error(response) == LOCKED
    assert int(response.headers["Retry-After"]) > 0
    assert error(sms_flow.post(free_type)) == LOCKED
    assert Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED", user_id="anna").count() == 1
    assert sms_flow.result(pending_id) == ("pending", None)


def test_another_user_is_not_locked(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=2)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(free_type, "ben")
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id), "ben").status_code == 200


def test_valid_code_resets_the_failure_counter(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(free_type)
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    assert [error(response) for response in verify_wrong_codes(2)] == [WRONG] * 2


def test_resend_and_new_transaction_keep_the_failure_counter(sms_flow, sms_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(sms_type)
    sms_flow.resend(transaction_id)
    assert error(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))) == WRONG
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == LOCKED


def test_lock_with_a_duration_expires(sms_flow, free_type, verify_wrong_codes, change_general, advance_clock):
    change_general(max_consecutive_code_failures=2, code_lock_seconds=120)
    verify_wrong_codes(2)
    response = sms_flow.post(free_type)
    assert error(response) == LOCKED
    assert 110 <= int(response.headers["Retry-After"]) <= 120
    advance_clock(121)
    transaction_id = sms_flow.start(free_type)
    assert error(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))) == WRONG
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200


def test_lowered_limit_locks_at_the_next_wrong_code(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=10, sms_per_number_per_hour=100)
    verify_wrong_codes(5)
    change_general(max_consecutive_code_failures=3)
    assert [error(response) for response in verify_wrong_codes(1)] == [WRONG]
    assert error(sms_flow.post(free_type)) == LOCKED
    assert Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").count() == 1


def test_valid_code_in_the_last_attempt_is_accepted(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(free_type)
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    assert not Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").exists()
    assert sms_flow.post(free_type).status_code == 200


def test_lock_of_an_interrupted_request_can_be_unlocked(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    with database.atomic():
        assert code_failures.reserve_attempt("anna")
    assert error(sms_flow.post(free_type)) == LOCKED
    assert locks.for_user("anna").is_locked
    assert "code_failures_cleared: 3" in run("unlock_user", "anna").lines
    assert sms_flow.post(free_type).status_code == 200


def test_support_staff_unlock_a_user(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=2)
    verify_wrong_codes(2)
    assert run("unlock_user", "anna").lines == [
        "user_id:               anna",
        "applications_unlocked: 0",
        "code_failures_cleared: 2",
    ]
    assert sms_flow.post(free_type).status_code == 200
    assert run("unlock_user", "anna", "--json").code == 0
    assert Event.objects.filter(event_type="USER_UNLOCKED").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failures", [0, 1])
def test_concurrent_codes_respect_the_limit(sms_flow, free_type, verify_wrong_codes, change_general, failures):
    change_general(max_consecutive_code_failures=4)
    verify_wrong_codes(failures)
    transaction_id = sms_flow.start(free_type)
    code = other_code(sms_flow.code(transaction_id))

    def verify(_number):
        try:
            return error(sms_flow.verify(transaction_id, code))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        responses = list(pool.map(verify, range(10)))
    assert sorted(responses) == sorted([WRONG] * (4 - failures) + [LOCKED] * (6 + failures))
    assert CodeFailures.objects.get().count == 4
