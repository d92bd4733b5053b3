"""`kill -9` of the worker: what it held is delivered by the next one, within 30 s of the kill."""

import contextlib
import signal
import time

import pytest

from tests.flows import installation as installations

pytestmark = pytest.mark.processes

HEALED_SECONDS = 30


def in_flight(installation):
    """Have a worker wait in a request to FCM and in one to a portal; returns push token and callback path."""
    approving, waiting, path = installation.enroll(), installation.enroll(), installation.path()
    installation.portal.script(path, {"hang": 60})
    installation.fcm.script(waiting.push_token, {"hang": 60})
    answered = installation.start(approving, path)
    installation.answer(approving, answered)
    installation.start(waiting)
    installation.portal.wait(path)
    installation.fcm.wait(waiting.push_token)
    return waiting.push_token, path


def check_that_it_heals(installation, killed_at, push_token, path):
    [_lost, push] = installation.fcm.wait(push_token, 2, seconds=HEALED_SECONDS + 5)
    [lost, callback] = installation.portal.wait(path, 2, seconds=HEALED_SECONDS + 5)
    assert push["at"] - killed_at < HEALED_SECONDS
    assert callback["at"] - killed_at < HEALED_SECONDS
    assert callback["body"] == lost["body"]
    installation.fcm.wait(push_token, status=200)
    installation.portal.wait(path, status=204)
    assert installation.fcm.stays(push_token, 2)
    assert installation.portal.stays(path, 2, seconds=1)


def test_a_worker_killed_inside_its_requests_loses_nothing(installation):
    push_token, path = in_flight(installation)
    installation.stack.worker.kill()
    killed_at = time.time()
    installation.stack.start_worker()
    installation.fcm.release()
    installation.portal.release()
    check_that_it_heals(installation, killed_at, push_token, path)


def test_a_worker_killed_between_an_answer_and_its_record_loses_nothing(installation):
    push_token, path = in_flight(installation)
    tables = ("transactions_pushdelivery", "callbacks_callbackdelivery")
    with installations.held_rows(installation.stack, *tables):
        installation.fcm.release()
        installation.portal.release()
        installation.fcm.wait(push_token, status=200)
        installation.portal.wait(path, status=204)
        installation.stack.worker.kill()
        killed_at = time.time()
    installation.stack.start_worker()
    check_that_it_heals(installation, killed_at, push_token, path)


def test_without_a_worker_nothing_is_lost(installation):
    phone, path = installation.enroll(), installation.path()
    installation.stack.worker.kill()
    transaction_id = installation.start(phone, path)
    assert installation.answer(phone, transaction_id) == "authenticated"
    waiting = installation.start(phone, path)
    installation.stack.start_worker()
    [push] = installation.fcm.wait(phone.push_token, status=200)
    assert waiting in push["body"], "the push of an answered transaction is not needed any more"
    installation.portal.wait(path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_end_finishes_what_is_in_flight(installation, number):
    phone = installation.enroll()
    installation.fcm.script(phone.push_token, {"hang": 1.5})
    installation.start(phone)
    installation.fcm.wait(phone.push_token)
    code, seconds = installation.stack.worker.stop(number)
    installation.stack.start_worker()
    assert code == 0
    assert seconds < 5
    assert installation.fcm.wait(phone.push_token)[0]["status"] == 200
    assert installation.fcm.stays(phone.push_token, 1, seconds=2.5)


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
        assert installation.portal.stays(path, 100, seconds=2)
        assert all(installation.fcm.stays(phone.push_token, 20) for phone in phones)
        # Every worker fetches an access token of its own.
        assert len({push["headers"]["authorization"] for push in pushes}) == 2
    finally:
        with contextlib.suppress(Exception):
            second.stop()
        second.kill()
