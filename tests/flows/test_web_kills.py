"""`kill -9` of the web process: all requests with a response are completed."""

import contextlib
import http.client
import json
import os
import signal
import threading

import pytest

from apps.demo.device import DeviceApiError
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

CONNECTION_ERRORS = (OSError, IndexError, http.client.HTTPException)


def kill_during(installation, action, items, *, after):
    """Run `action` on the items in four threads and kill the web process meanwhile. Return all responses."""
    responses, remaining = {}, list(items)

    def work():
        while remaining:
            with contextlib.suppress(*CONNECTION_ERRORS):
                item = remaining.pop()
                responses[item] = action(item)

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(responses) >= after)
    installation.stack.web.kill()
    for thread in threads:
        thread.join(60)
    installation.stack.start_web()
    assert after <= len(responses) < len(items), "the kill came too late"
    return responses


def test_killed_web_process_loses_no_started_push(installation):
    users = {index: installation.enroll() for index in range(80)}
    started = kill_during(installation, lambda index: installation.start(users[index]), users, after=20)
    for index, transaction_id in started.items():
        [push] = installation.fcm.wait(users[index].push_token, status=200)
        assert transaction_id in push["body"]
        assert installation.result(transaction_id)["status"] == "pending"


def test_killed_web_process_loses_no_confirmed_answer(installation):
    user, path = installation.enroll(), installation.path()
    answers = {}
    for _number in range(30):
        transaction_id = installation.start(user, path)
        challenge = user.device.fetch(transaction_id)
        answers[transaction_id] = user.device.seal(
            {"transaction_id": transaction_id, "token": challenge["token"], "authenticated": True}
        )

    def send(transaction_id):
        return user.device.send_answer(transaction_id, answers[transaction_id])

    kill_during(installation, send, answers, after=8)
    for transaction_id, message in answers.items():
        assert user.device.send_answer(transaction_id, message) == "authenticated"
    calls = installation.portal.wait(path, 30, status=204)
    called = {json.loads(call["body"])["transaction_id"]: [call] for call in calls}
    assert set(called) == set(answers)
    for transaction_id in answers:
        installation.check_callback(transaction_id, called[transaction_id], attempts=1)
    installation.portal.assert_count_stays(path, 30, seconds=1)


def test_killed_child_process_is_replaced(installation):
    user = installation.enroll()
    for child in children(installation.stack.web.pid):
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: is_available(installation, user))
    installation.fcm.wait(user.push_token, status=200)


def test_killed_server_leaves_no_child_process(installation):
    os.kill(installation.stack.web.pid, signal.SIGKILL)
    wait_until(lambda: installation.stack.get("/healthz")[0] == 0)
    installation.stack.start_web()


def is_available(installation, user):
    try:
        return installation.start(user)
    except (*CONNECTION_ERRORS, DeviceApiError):
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_quickly_on_a_signal(installation, number):
    _code, seconds = installation.stack.web.stop(number)
    installation.stack.start_web()
    assert seconds < 5
