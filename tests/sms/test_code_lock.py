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
def guess(texts, free_type):
    """Type wrong codes, each into a transaction of its own; returns the answers."""

    def wrong(count, user_id="anna"):
        answers = []
        for _number in range(count):
            started = texts.start(free_type, user_id)
            answers.append(texts.verify(started, other_code(texts.code(started)), user_id))
        return answers

    return wrong


def test_the_limit_counts_over_all_transactions_and_locks(texts, free_type, guess, general):
    general(max_consecutive_code_failures=3)
    open_one = texts.start(free_type)
    assert [error(answer) for answer in guess(3)] == [WRONG] * 3
    answer = texts.verify(open_one, texts.code(open_one))
    assert error(answer) == LOCKED
    assert int(answer.headers["Retry-After"]) > 0
    assert error(texts.post(free_type)) == LOCKED
    assert Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED", user_id="anna").count() == 1
    assert texts.result(open_one) == ("pending", None)


def test_another_user_is_not_locked(texts, free_type, guess, general):
    general(max_consecutive_code_failures=2)
    guess(2)
    started = texts.start(free_type, "ben")
    assert texts.verify(started, texts.code(started), "ben").status_code == 200


def test_a_right_code_begins_the_count_anew(texts, free_type, guess, general):
    general(max_consecutive_code_failures=3)
    guess(2)
    started = texts.start(free_type)
    assert texts.verify(started, texts.code(started)).status_code == 200
    assert [error(answer) for answer in guess(2)] == [WRONG] * 2


def test_neither_a_resend_nor_a_new_transaction_does(texts, sms_type, guess, general):
    general(max_consecutive_code_failures=3)
    guess(2)
    started = texts.start(sms_type)
    texts.resend(started)
    assert error(texts.verify(started, other_code(texts.code(started)))) == WRONG
    assert error(texts.verify(started, texts.code(started))) == LOCKED


def test_the_lock_ends_by_itself_when_it_has_a_time(texts, free_type, guess, general, later):
    general(max_consecutive_code_failures=2, code_lock_seconds=120)
    guess(2)
    answer = texts.post(free_type)
    assert error(answer) == LOCKED
    assert 110 <= int(answer.headers["Retry-After"]) <= 120
    later(121)
    started = texts.start(free_type)
    assert error(texts.verify(started, other_code(texts.code(started)))) == WRONG
    assert texts.verify(started, texts.code(started)).status_code == 200


def test_a_limit_that_is_lowered_below_a_users_count_locks_with_the_next_wrong_code(texts, free_type, guess, general):
    general(max_consecutive_code_failures=10, sms_per_number_per_hour=100)
    guess(5)
    general(max_consecutive_code_failures=3)
    assert [error(answer) for answer in guess(1)] == [WRONG]
    assert error(texts.post(free_type)) == LOCKED
    assert Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").count() == 1


def test_a_right_code_is_right_also_as_the_last_that_is_allowed(texts, free_type, guess, general):
    general(max_consecutive_code_failures=3)
    guess(2)
    started = texts.start(free_type)
    assert texts.verify(started, texts.code(started)).status_code == 200
    assert not Event.objects.filter(event_type="SMS_AUTH_USER_LOCKED").exists()
    assert texts.post(free_type).status_code == 200


def test_a_process_that_dies_with_the_last_code_leaves_a_lock_that_can_be_lifted(texts, free_type, guess, general):
    general(max_consecutive_code_failures=3)
    guess(2)
    with database.atomic():
        assert attempts.reserve_user_attempt("anna")
    assert error(texts.post(free_type)) == LOCKED
    assert locks.for_user("anna").is_locked
    assert "code_failures_cleared: 3" in run("unlock_user", "anna").lines
    assert texts.post(free_type).status_code == 200


def test_support_staff_unlock_a_user(texts, free_type, guess, general):
    general(max_consecutive_code_failures=2)
    guess(2)
    assert run("unlock_user", "anna").lines == [
        "user_id:               anna",
        "applications_unlocked: 0",
        "code_failures_cleared: 2",
    ]
    assert texts.post(free_type).status_code == 200
    assert run("unlock_user", "anna", "--json").code == 0
    assert Event.objects.filter(event_type="USER_UNLOCKED").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [0, 1])
def test_ten_at_once_are_no_more_than_the_limit(texts, free_type, guess, general, before):
    general(max_consecutive_code_failures=4)
    guess(before)
    started = texts.start(free_type)
    code = other_code(texts.code(started))

    def verify(_number):
        try:
            return error(texts.verify(started, code))
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(verify, range(10)))
    assert sorted(answers) == sorted([WRONG] * (4 - before) + [LOCKED] * (6 + before))
    assert CodeFailures.objects.get().count == 4
