"""`kill -9` of the worker: what it held is delivered by the next one, within 30 s of the kill."""

import contextlib
import signal
import time
from dataclasses import dataclass

import pytest

from tests.fakes.portal import Portal
from tests.fakes.saturated_port import SaturatedPort
from tests.flows import installation as installations
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

HEALED_SECONDS = 30


@dataclass
class Held:
    """What a worker holds when it is killed: a push by its phone's token, a callback by its transaction and path."""

    push_token: str
    transaction_id: str
    path: str


def hold(installation, fault):
    """Have a worker meet this fault of FCM's and of a portal's answer."""
    approving, waiting, path = installation.enroll(), installation.enroll(), installation.path()
    installation.portal.script(path, fault)
    installation.fcm.script(waiting.push_token, fault)
    answered = installation.start(approving, path)
    installation.answer(approving, answered)
    installation.start(waiting)
    installation.portal.wait(path)
    installation.fcm.wait(waiting.push_token)
    return Held(waiting.push_token, answered, path)


def hold_back(installation, saturated_port):
    """Have a worker wait until a portal lets it in; returns the transaction's id."""
    phone = installation.enroll()
    transaction_id = installation.start(phone, base=f"http://127.0.0.1:{saturated_port.port}")
    installation.answer(phone, transaction_id)
    wait_until(saturated_port.callers)
    return transaction_id


def test_a_worker_killed_before_a_request_inside_one_and_between_an_answer_and_its_record_loses_nothing(installation):
    saturated_port = SaturatedPort()
    answered = hold(installation, {"delay": 60})
    inside = hold(installation, {"status": 200, "body": "x" * 60, "trickle": 60})
    tables = ("transactions_pushdelivery", "callbacks_callbackdelivery")
    before = hold_back(installation, saturated_port)
    with installations.held_rows(installation.stack, *tables):
        installation.fcm.release()
        installation.portal.release()
        installation.fcm.wait(answered.push_token, status=200)
        installation.portal.wait(answered.path, status=204)
        installation.stack.worker.kill()
        killed_at = time.time()
    assert saturated_port.count_waiting_clients() == 0
    saturated_port.close()
    with Portal(saturated_port.port) as portal:
        installation.stack.start_worker()
        for held in (answered, inside):
            check_that_it_heals(installation, killed_at, held)
        calls = portal.wait("/callback", 1, 204, HEALED_SECONDS)
        assert calls[0]["at"] - killed_at < HEALED_SECONDS
        installation.check_callback(before, calls, attempts=2)


def check_that_it_heals(installation, killed_at, held):
    [_lost, push] = installation.fcm.wait(held.push_token, 2, seconds=HEALED_SECONDS + 5)
    calls = installation.portal.wait(held.path, 2, seconds=HEALED_SECONDS + 5)
    assert push["at"] - killed_at < HEALED_SECONDS
    assert calls[1]["at"] - killed_at < HEALED_SECONDS
    installation.fcm.wait(held.push_token, status=200)
    installation.portal.wait(held.path, status=204)
    installation.check_callback(held.transaction_id, calls, attempts=2)
    installation.fcm.assert_count_stays(held.push_token, 2)
    installation.portal.assert_count_stays(held.path, 2, seconds=1)


def test_without_a_worker_nothing_is_lost(installation):
    phone, path = installation.enroll(), installation.path()
    installation.stack.worker.kill()
    transaction_id = installation.start(phone, path)
    assert installation.answer(phone, transaction_id) == "authenticated"
    waiting = installation.start(phone, path)
    installation.stack.start_worker()
    [push] = installation.fcm.wait(phone.push_token, status=200)
    assert waiting in push["body"], "the push of an answered transaction is not needed any more"
    installation.check_callback(transaction_id, installation.portal.wait(path, seconds=5), attempts=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_end_finishes_what_is_in_flight(installation, number):
    phone = installation.enroll()
    installation.fcm.script(phone.push_token, {"delay": 1.5})
    installation.start(phone)
    installation.fcm.wait(phone.push_token)
    code, seconds = installation.stack.worker.stop(number)
    installation.stack.start_worker()
    assert code == 0
    assert seconds < 5
    assert installation.fcm.wait(phone.push_token)[0]["status"] == 200
    installation.fcm.assert_count_stays(phone.push_token, 1, seconds=2.5)


def test_two_workers_share_the_work_and_send_nothing_twice(installation):
    phones = [installation.enroll() for _number in range(5)]
    second = installation.stack.program("second-worker", "worker")
    try:
        installation.stack.start_worker(second)
        started = {}
        path = installation.path()
        for phone in phones * 20:
            started[installation.start(phone, path)] = phone
        pushes = [push for phone in phones for push in installation.fcm.wait(phone.push_token, 20, status=200)]
        for transaction_id, phone in started.items():
            assert installation.answer(phone, transaction_id) == "authenticated"
        installation.portal.wait(path, 100, status=204)
        installation.portal.assert_count_stays(path, 100, seconds=2)
        for phone in phones:
            installation.fcm.assert_count_stays(phone.push_token, 20)
        # Every worker fetches an access token of its own.
        assert len({push["headers"]["authorization"] for push in pushes}) == 2
    finally:
        with contextlib.suppress(Exception):
            second.stop()
        second.kill()
