"""A user who denies can say that it is a fraud; that can lock the profile until support staff unlock it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollment.models import Profile
from apps.events.models import Event
from tests import factories
from tests.commands.running import run

pytestmark = pytest.mark.django_db


@pytest.fixture
def push_type(db):
    return factories.TypeFactory(method="push")


@pytest.fixture
def report(client, portal, phone, push_type):
    """Start a transaction and report it; returns its id and the answer."""

    def run_it(**members):
        started = portal.start(push_type, phone).json()["transaction_id"]
        sealed = phone.sealed_answer(phone.fetch(started), **{"approve": False, "fraud": True, **members})
        return started, phone.send(client, started, sealed)

    return run_it


def test_a_fraud_report_is_a_denial_that_the_portal_can_read(portal, report):
    started, answer = report()
    assert answer.json() == {"status": "not_authenticated"}
    result = portal.result(started).json()
    assert result["not_authenticated_reason"]["reason"] == "not_accepted"
    assert result["fraud_reported"] is True
    assert Event.objects.filter(event_type="PUSH_AUTH_FRAUD_REPORTED", transaction_id=started).count() == 1


def test_a_plain_denial_says_nothing_of_fraud(portal, report):
    started, _answer = report(fraud=False)
    assert "fraud_reported" not in portal.result(started).json()


@pytest.mark.parametrize("members", [{"approve": True}, {"fraud": "yes"}, {"fraud": 1}])
def test_nobody_approves_a_fraud(portal, report, members):
    started, answer = report(**members)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_message")
    assert portal.result(started).json()["status"] == "pending"


def test_without_the_switch_the_profile_goes_on(portal, phone, push_type, report):
    report()
    assert portal.start(push_type, phone).status_code == 200


def test_with_the_switch_the_profile_is_locked_and_looks_like_no_enrolment(portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    locked = portal.start(push_type, phone)
    unknown = portal.start(push_type, phone, user_id="nobody")
    assert (locked.status_code, locked.json()) == (unknown.status_code, unknown.json())
    enabled = portal.get(f"/oauth/api/v4/authenticate/user/anna/device/{phone.device_id}/enabled")
    assert enabled.json() == {"enabled": []}


def test_what_was_asked_for_before_the_report_is_not_approved_until_support_staff_unlock(
    client, portal, phone, push_type, report, switch
):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, phone).json()["transaction_id"]
    challenge = phone.fetch(before)
    report()
    refused = phone.send(client, before, phone.sealed_answer(challenge))
    assert (refused.status_code, refused.json()["error"]) == (404, "invalid_transaction")
    assert portal.result(before).json()["status"] == "pending"
    run("unlock_user", "anna")
    assert phone.answer(challenge, approve=True) == "authenticated"


def test_what_was_asked_for_before_the_report_can_still_be_denied(client, portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    before = portal.start(push_type, phone).json()["transaction_id"]
    challenge = phone.fetch(before)
    report()
    denied = phone.send(client, before, phone.sealed_answer(challenge, approve=False))
    assert denied.json() == {"status": "not_authenticated"}


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has no locks of rows")
def test_the_profile_is_locked_before_the_transaction_as_by_who_judges_a_pin(client, portal, phone, push_type, switch):
    switch(lock_profile_on_fraud_report=True)
    started = portal.start(push_type, phone).json()["transaction_id"]
    sealed = phone.sealed_answer(phone.fetch(started), approve=False, fraud=True)
    with CaptureQueriesContext(connection) as captured:
        phone.send(client, started, sealed)
    statements = [query["sql"] for query in captured]
    [profile] = [at for at, sql in enumerate(statements) if "enrollment_profile" in sql and "FOR UPDATE" in sql]
    [ended] = [at for at, sql in enumerate(statements) if sql.startswith('UPDATE "transactions_transaction"')]
    assert profile < ended


def test_support_staff_unlock_it(portal, phone, push_type, report, switch):
    switch(lock_profile_on_fraud_report=True)
    report()
    assert "profiles_unlocked:     1" in run("unlock_user", "anna").lines
    assert Profile.objects.get(user_id="anna").locked_at is None
    assert portal.start(push_type, phone).status_code == 200
