"""Reason, device and callback of transactions in their list."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.callbacks.models import CallbackDelivery
from apps.enrollment.models import Profile
from apps.transactions.console import outcomes
from apps.transactions.models import PushAttempt, PushDelivery, Transaction
from tests.console.test_roles import sign_in_as

LIST = "/admin/transactions/transaction/"


@pytest.fixture
def transactions(device, portal, mobile_type):
    """Six transactions: pending, approved, two denied, one not sent and one expired; some with callbacks."""
    ids = [UUID(portal.start(mobile_type, device).json()["transaction_id"]) for _ in range(6)]
    CallbackDelivery.objects.all().delete()
    states = {
        1: {"status": "authenticated"},
        2: {"status": "not_authenticated", "reason": "not_accepted"},
        3: {"status": "not_authenticated", "reason": "not_accepted", "fraud_reported": True},
        4: {"status": "not_authenticated", "reason": "failed_to_send"},
        5: {"status": "expired"},
    }
    for number, values in states.items():
        Transaction.objects.filter(pk=ids[number]).update(**values)
    for number in (1, 4, 5):
        push = PushDelivery.objects.get(transaction=ids[number])
        attempt = {"delivery": push, "number": 1, "started_at": timezone.now(), "outcome": "failed"}
        PushAttempt.objects.create(reason="UNAVAILABLE", **attempt)
    callbacks = {
        1: {"state": "done", "attempts_made": 1},
        2: {"state": "failed", "attempts_made": 9},
        3: {"state": "due", "attempts_made": 2},
        4: {"state": "due"},
    }
    for number, values in callbacks.items():
        CallbackDelivery.objects.create(transaction_id=ids[number], url="https://portal.example.com/", **values)
    return ids


def matches(browser, query=""):
    return {row.pk for row in browser.get(f"{LIST}?{query}").context["cl"].result_list}


def test_list_shows_reason_device_and_callback(transactions):
    rows = {row.pk: row for row in sign_in_as("helpdesk").get(LIST).context["cl"].result_list}
    texts = [
        (outcomes.outcome_reason(rows[pk]), str(outcomes.callback(rows[pk])[-1]), outcomes.device_name(rows[pk]))
        for pk in transactions
    ]
    assert {text[2] for text in texts} == {"Phone of anna"}
    assert [text[:2] for text in texts] == [
        (None, "-"),
        (None, "delivered"),
        ("User rejected push", "given up"),
        ("User rejected push: fraud reported", "still retrying"),
        ("Push message failed to be sent: UNAVAILABLE", "due"),
        ("UNAVAILABLE", "-"),
    ]
    Profile.objects.all().delete()
    row = sign_in_as("operator", "piet").get(LIST).context["cl"].result_list[0]
    assert outcomes.device(row) == f"{row.device_id[:8]}…, Android"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("reason=not_accepted", [2, 3]),
        ("reason=failed_to_send", [4]),
        ("callback=done", [1]),
        ("callback=failed", [2]),
        ("callback=retrying", [3]),
        ("callback=due", [3, 4]),
        ("callback=undelivered", [2, 3]),
        ("callback=undelivered&user_id=anna", [2, 3]),
        ("callback=undelivered&user_id=bert", []),
        ("callback=undelivered&q=anna&reason=not_accepted&created_at_from=2020-01-01T00:00", [2, 3]),
        ("callback=failed&created_at_to=2020-01-01T00:00", []),
        ("callback=failed&created_at_to=2090-01-01T00:00", [2]),
        ("callback=failed&created_at_from=nonsense", []),
        ("callback=nonsense", []),
    ],
)
def test_transactions_are_filtered_by_reason_and_callback(console, transactions, query, expected):
    assert matches(console, query) == {transactions[number] for number in expected}


def test_list_runs_no_query_per_row(console, transactions):
    with CaptureQueriesContext(connection) as all_rows:
        assert len(matches(console)) == 6
    with CaptureQueriesContext(connection) as one_row:
        assert len(matches(console, "reason=failed_to_send")) == 1
    assert len(all_rows) == len(one_row)


def test_device_is_named_on_the_page_of_a_transaction(console, transactions):
    page = console.get(f"{LIST}{transactions[0]}/change/").content.decode()
    assert "Phone of anna, Android" in page
