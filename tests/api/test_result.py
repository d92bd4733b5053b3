"""E4 returns the status of a transaction to the API client that initiated it."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.events.types import EventTypes
from apps.transactions import lifecycle
from apps.transactions.models import Reason, Status
from tests import factories
from tests.api.calls import CALLBACK, error_of
from tests.conftest import Portal


def now():
    return datetime.now(UTC)


def test_pending_transaction(portal, mobile_type, device):
    before = now().timestamp() * 1000
    transaction_id = portal.start(mobile_type, device).json()["transaction_id"]
    result = portal.result(transaction_id).json()
    assert before - 1 <= result.pop("timestamp") <= now().timestamp() * 1000 + 1
    assert result == {
        "callback_uri": CALLBACK,
        "transaction_id": transaction_id,
        "user_id": "anna",
        "is_authenticated": False,
        "status": "pending",
    }


def test_approved_transaction(portal, started, device):
    device.answer(device.fetch(started), approve=True)
    result = portal.result(started).json()
    assert (result["status"], result["is_authenticated"]) == ("authenticated", True)
    assert result["authentication_method"] == "push"
    assert "not_authenticated_reason" not in result


def test_denied_transaction(portal, started, device):
    device.answer(device.fetch(started), approve=False)
    result = portal.result(started).json()
    assert (result["status"], result["is_authenticated"]) == ("not_authenticated", False)
    assert result["authentication_method"] == "push"
    assert result["not_authenticated_reason"] == {"reason": "not_accepted", "description": "User rejected push"}


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (Reason.FAILED_TO_SEND, "Push message failed to be sent"),
        (Reason.INVALID_REQUEST, "Invalid push authentication request"),
        (Reason.INVALID_ANSWER, "Invalid push answer"),
    ],
)
def test_final_failure_has_a_reason(portal, started, row, reason, text):
    lifecycle.close(row(started), Status.NOT_AUTHENTICATED, EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED, reason=reason)
    result = portal.result(started).json()
    assert (result["status"], result["is_authenticated"]) == ("not_authenticated", False)
    assert result["not_authenticated_reason"] == {"reason": reason.value, "description": text}
    # Only a wrong answer is an answer of the user.
    assert ("authentication_method" in result) is (reason == Reason.INVALID_ANSWER)


def test_cancelled_transaction(portal, started, row):
    lifecycle.close(row(started), Status.CANCELLED, EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED, call_back=False)
    result = portal.result(started).json()
    assert (result["status"], result["is_authenticated"]) == ("cancelled", False)


def test_transaction_expires_without_a_sweep(portal, device):
    start = now()
    with time_machine.travel(start, tick=False) as clock:
        transaction_id = portal.start(factories.TypeFactory(time_to_live=300), device).json()["transaction_id"]
        clock.move_to(start + timedelta(seconds=300, milliseconds=-1))
        assert portal.result(transaction_id).json()["status"] == "pending"
        clock.move_to(start + timedelta(seconds=300))
        result = portal.result(transaction_id).json()
        assert (result["status"], result["is_authenticated"]) == ("expired", False)
        lifecycle.expire_due()
        assert portal.result(transaction_id).json() == result


def test_result_can_be_read_repeatedly(portal, started, device):
    device.answer(device.fetch(started), approve=True)
    assert len({portal.result(started).content for _ in range(5)}) == 1


def test_result_is_readable_after_unenrollment(portal, started, device):
    device.call("DELETE", f"/device/v1/enrollments/{device.profile_id}")
    assert portal.result(started).json()["user_id"] == "anna"


@pytest.mark.parametrize("change", [{}, {"apis": ["mobile_authentication"]}])
def test_transaction_of_another_client_is_not_found(client, started, change, event_types):
    other = Portal(client, factories.ApiClientFactory(**change))
    assert error_of(other.result(started)) == (404, "3004")
    assert event_types()[-1] == "PUSH_AUTH_TRANSACTION_NOT_RETRIEVED"


@pytest.mark.parametrize(
    "text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "0", "%00", "%ff", "-" * 36, "a" * 5000, "é", "1" * 32]
)
def test_unknown_or_malformed_id_is_not_found(portal, text):
    assert error_of(portal.result(text)) == (404, "3004")


def test_reading_a_result_records_an_event(portal, started, event_types):
    portal.result(started)
    assert event_types()[-1] == "PUSH_AUTH_TRANSACTION_RETRIEVED"
