"""Concurrent codes and requests of codes, on separate connections."""

from collections import Counter

import pytest

from apps.callbacks.models import CallbackDelivery
from apps.events.models import Event
from apps.transactions.models import CodeFailures, Transaction
from clients.python.countersign_device import MessageType
from tests.api.calls import error_of
from tests.api.test_races import at_once, own_transactions  # noqa: F401 - a fixture
from tests.conftest import Portal
from tests.devices.code_to_phone import CodeFlow, other_code

pytestmark = [pytest.mark.django_db(transaction=True)]
WRONG, NOT_FOUND = (404, "3003"), (404, "3004")


@pytest.fixture
def flow(portal, device):
    return CodeFlow(portal, device)


def outcome(response):
    return response.status_code if response.status_code < 300 else error_of(response)


def verify_at_once(flow, transaction_id, code):
    def verify(client):
        return flow.verify(transaction_id, code, portal=Portal(client, flow.portal.api_client))

    return Counter(map(outcome, at_once(*[verify] * 10)))


@pytest.mark.parametrize("max_attempts", [0, 3])
def test_concurrent_correct_codes_authenticate_once(flow, max_attempts):
    transaction_id = flow.start("pin", max_attempts=max_attempts)
    code = flow.unlock(transaction_id)
    assert verify_at_once(flow, transaction_id, code) == {200: 1, NOT_FOUND: 9}
    assert flow.result(transaction_id) == ("authenticated", None)
    assert CallbackDelivery.objects.filter(transaction_id=transaction_id).count() == 1
    assert not CodeFailures.objects.exists()


@pytest.mark.parametrize("max_attempts", [0, 3])
def test_concurrent_wrong_codes_are_all_counted(flow, max_attempts):
    transaction_id = flow.start("pin", max_attempts=max_attempts)
    wrong = other_code(flow.unlock(transaction_id))
    counted = max_attempts or 10
    expected = {WRONG: counted, **({NOT_FOUND: 10 - counted} if max_attempts else {})}
    assert verify_at_once(flow, transaction_id, wrong) == expected
    assert Transaction.objects.get().code_attempts_used == counted
    assert CodeFailures.objects.get().count == counted
    status = ("not_authenticated", "invalid_answer") if max_attempts else ("pending", None)
    assert flow.result(transaction_id) == status


def test_concurrent_identical_requests_of_the_code_count_once(flow, device, portal):
    transaction_id = flow.start("pin")
    message = flow.request(device.fetch(transaction_id), "pin")
    responses = at_once(*[lambda client: flow.send(client, transaction_id, message)] * 10)
    codes = {device.open(response.json()["message"], MessageType.TOKEN)["code"] for response in responses}
    assert len(codes) == 1
    assert portal.result(transaction_id).json()["used_authentication_attempts"] == 1


def test_concurrent_wrong_pins_are_all_counted(flow, device, set_application):
    set_application(max_pin_attempts=20)
    transaction_id = flow.start("pin")
    challenge = device.fetch(transaction_id)
    messages = [flow.request(challenge, "pin", "wrong") for _number in range(10)]
    calls = [lambda client, message=message: flow.send(client, transaction_id, message) for message in messages]
    responses = at_once(*calls)
    assert sorted(response.json()["used_attempts"] for response in responses) == list(range(1, 11))


def test_denial_and_correct_code_end_the_transaction_once(flow, device, respond):
    transaction_id = flow.start("push")
    challenge = device.fetch(transaction_id)
    message = device.sealed_answer(challenge, approve=False)
    verified, denied = at_once(
        lambda client: flow.verify(transaction_id, challenge["code"], portal=Portal(client, flow.portal.api_client)),
        lambda client: device.send(client, transaction_id, message),
    )
    status, _reason = flow.result(transaction_id)
    ended = {"authenticated": (200, 404), "not_authenticated": (404, 200)}
    assert (verified.status_code, denied.status_code) == ended[status]
    endings = Event.objects.filter(event_type__in=["MOBILE_AUTH_AUTHENTICATED", "MOBILE_AUTH_NOT_AUTHENTICATED"])
    assert endings.count() == 1
