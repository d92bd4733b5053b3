"""Wrong codes are counted per user over all transactions (NIST SP 800-63B-4, 3.2.2: at most 100 in a row)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db import transaction as database

from apps.events.models import Event
from apps.transactions import locks
from apps.transactions.methods.sms import attempts
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
    """Type wrong codes, each into a transaction of its own; returns the answers."""

    def verify_all(count, user_id="anna"):
        responses = []
        for _number in range(count):
            transaction_id = sms_flow.start(free_type, user_id)
            responses.append(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)), user_id))
        return responses

    return verify_all


def test_the_limit_counts_over_all_transactions_and_locks(sms_flow, free_type, verify_wrong_codes, change_general):
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


def test_a_right_code_begins_the_count_anew(sms_flow, free_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(free_type)
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    assert [error(response) for response in verify_wrong_codes(2)] == [WRONG] * 2


def test_neither_a_resend_nor_a_new_transaction_does(sms_flow, sms_type, verify_wrong_codes, change_general):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(sms_type)
    sms_flow.resend(transaction_id)
    assert error(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))) == WRONG
    assert error(sms_flow.verify(transaction_id, sms_flow.code(transaction_id))) == LOCKED


def test_the_lock_ends_by_itself_when_it_has_a_time(
    sms_flow, free_type, verify_wrong_codes, change_general, advance_clock
):
    change_general(max_consecutive_code_failures=2, code_lock_seconds=120)
    verify_wrong_codes(2)
    response = sms_flow.post(free_type)
    assert error(response) == LOCKED
    assert 110 <= int(response.headers["Retry-After"]) <= 120
    advance_clock(121)
    transaction_id = sms_flow.start(free_type)
    assert error(sms_flow.verify(transaction_id, other_code(sms_flow.code(transaction_id)))) == WRONG
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200


def test_a_limit_that_is_lowered_below_a_users_count_locks_with_the_next_wrong_code(
    sms_flow, free_type, verify_wrong_codes, change_general
):
    change_general(max_consecutive_code_failures=10, sms_per_number_per_hour=100)
    verify_wrong_codes(5)
    change_general(max_consecutive_code_failures=3)
    assert [error(response) for response in verify_wrong_codes(1)] == [WRONG]
    assert error(sms_flow.post(free_type)) == LOCKED
    assert Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").count() == 1


def test_a_right_code_is_right_also_as_the_last_that_is_allowed(
    sms_flow, free_type, verify_wrong_codes, change_general
):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    transaction_id = sms_flow.start(free_type)
    assert sms_flow.verify(transaction_id, sms_flow.code(transaction_id)).status_code == 200
    assert not Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").exists()
    assert sms_flow.post(free_type).status_code == 200


def test_a_process_that_dies_with_the_last_code_leaves_a_lock_that_can_be_lifted(
    sms_flow, free_type, verify_wrong_codes, change_general
):
    change_general(max_consecutive_code_failures=3)
    verify_wrong_codes(2)
    with database.atomic():
        assert attempts.reserve_user_attempt("anna")
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
def test_ten_at_once_are_no_more_than_the_limit(sms_flow, free_type, verify_wrong_codes, change_general, failures):
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
