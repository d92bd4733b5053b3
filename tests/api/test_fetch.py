"""List of pending transactions, and challenges."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from apps.events.models import Event
from apps.events.types import EventTypes
from apps.transactions import lifecycle
from apps.transactions.models import Status
from tests import factories
from tests.api.calls import error_of, fetch_path, send_json
from tests.conftest import TestDevice

pytestmark = pytest.mark.usefixtures("each_kind")

INVALID_TRANSACTION = (404, "invalid_transaction")


@pytest.fixture
def fetch(client):
    def run(device, transaction_id, **changes):
        body = {"profile_id": device.profile_id, **changes}
        return send_json(client, fetch_path(transaction_id), body, token=device.device_token)

    return run


def test_challenge_contains_message_type_and_token(portal, device):
    mobile_type = factories.TypeFactory(name="login", time_to_live=90)
    transaction_id = portal.start(mobile_type, device, message="Sign in at the shop?").json()["transaction_id"]
    challenge = device.fetch(transaction_id)
    timestamp = portal.result(transaction_id).json()["timestamp"]
    assert len(challenge.pop("token")) >= 43
    assert challenge == {
        "transaction_id": transaction_id,
        "message": "Sign in at the shop?",
        "timestamp": timestamp,
        "time_to_live": 90,
        "type": {"name": "login", "method": "push", "transaction_signing": False},
    }


def test_repeated_fetch_returns_the_same_challenge_in_a_new_message(fetch, started, device):
    first, second = (fetch(device, started).json()["message"] for _ in range(2))
    assert first != second
    assert device.open(first) == device.open(second)


def test_fetched_transaction_is_listed_until_it_is_answered(started, device):
    challenge = device.fetch(started)
    assert [listed["transaction_id"] for listed in device.pending()] == [started]
    device.answer(challenge, approve=False)
    assert device.pending() == []


def test_list_contains_all_profiles_oldest_first_without_tokens(portal, mobile_type, enroll):
    anna = enroll("anna", push_token="shared")
    bert = TestDevice("", device_id=anna.device_id, device_token=anna.device_token)
    enroll("bert", push_token="shared", device=bert)
    expected = []
    for user_id, device in (("anna", anna), ("bert", bert), ("anna", anna)):
        started = portal.start(mobile_type, device, user_id=user_id).json()
        expected.append((started["transaction_id"], device.profile_id))
    listed = anna.pending()
    assert [(entry["transaction_id"], entry["profile_id"]) for entry in listed] == expected
    assert {frozenset(entry) for entry in listed} == {
        frozenset({"transaction_id", "profile_id", "message", "timestamp", "time_to_live"})
    }
    assert anna.fetch(expected[0][0])["token"] not in str(anna.pending())


def test_another_devices_transactions_are_not_listed(started, device, enroll):
    assert enroll("bert").pending() == []
    assert len(device.pending()) == 1


@pytest.mark.parametrize("text", ["5f0c9c3e-7d43-4d3c-9d3b-0d8f3c8f8a11", "x", "%00", "%ff", "a" * 5000])
def test_unknown_transaction_cannot_be_fetched(fetch, device, text, event_types):
    assert error_of(fetch(device, text)) == INVALID_TRANSACTION
    assert event_types()[-1] == "MOBILE_AUTH_FETCH_FAILED_INVALID_TRANSACTION"


def test_another_devices_transaction_cannot_be_fetched(fetch, started, enroll):
    assert error_of(fetch(enroll("bert"), started)) == INVALID_TRANSACTION


def test_another_profile_of_the_same_device_cannot_fetch(fetch, started, device, enroll):
    bert = TestDevice("", device_id=device.device_id, device_token=device.device_token)
    enroll("bert", push_token="", device=bert)
    assert error_of(fetch(bert, started)) == INVALID_TRANSACTION


@pytest.mark.parametrize("approve", [True, False])
def test_answered_transaction_cannot_be_fetched(fetch, started, device, approve):
    device.answer(device.fetch(started), approve=approve)
    assert error_of(fetch(device, started)) == INVALID_TRANSACTION


def test_cancelled_transaction_cannot_be_fetched(fetch, started, device, row):
    lifecycle.close(row(started), Status.CANCELLED, EventTypes.MOBILE_AUTH_NOT_AUTHENTICATED, call_back=False)
    assert error_of(fetch(device, started)) == INVALID_TRANSACTION
    assert device.pending() == []


@pytest.mark.parametrize("swept", [True, False])
def test_expired_transaction_is_neither_listed_nor_fetched(fetch, portal, device, event_types, swept):
    start = datetime.now(UTC)
    with time_machine.travel(start, tick=False) as clock:
        transaction_id = portal.start(factories.TypeFactory(time_to_live=60), device).json()["transaction_id"]
        clock.move_to(start + timedelta(seconds=60))
        if swept:
            lifecycle.expire_due()
        assert device.pending() == []
        assert error_of(fetch(device, transaction_id)) == INVALID_TRANSACTION
    assert event_types()[-1] == "MOBILE_AUTH_FETCH_FAILED_TRANSACTION_EXPIRED"


def test_profile_is_checked_before_the_transaction(fetch, device, enroll):
    for profile_id in ("ZZZZZZ", enroll("bert").profile_id):
        assert error_of(fetch(device, "x", profile_id=profile_id)) == (404, "invalid_profile")


@pytest.mark.parametrize("value", [None, "", 123456, True, [], {}, "a\0b", "ABCDEFG", "\ud800"], ids=ascii)
def test_malformed_profile_id_is_rejected(fetch, device, started, value):
    response = fetch(device, started, profile_id=value)
    assert error_of(response) == (400, "invalid_request")
    assert "profile_id" in response.json()["error_description"]


def test_disabled_version_can_list_but_not_fetch(fetch, started, device, version):
    version.status = "disabled"
    version.save()
    assert len(device.pending()) == 1
    assert error_of(fetch(device, started)) == (403, "version_not_enabled")


@pytest.mark.parametrize("token", ["", "unknown"])
def test_list_requires_a_valid_device_token(client, device, token):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    assert error_of(client.get("/device/v1/transactions", headers=headers)) == (401, "invalid_device_token")


def test_fetch_records_an_event(started, device):
    device.fetch(started)
    event = Event.objects.get(event_type="MOBILE_AUTH_FETCH_SECURED_MESSAGE_FETCHED")
    assert (str(event.transaction_id), event.user_id) == (started, "anna")
