"""`kill -9` of the web process: what it answered for is done."""

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

NO_ANSWER = (OSError, IndexError, http.client.HTTPException)


def kill_amid(installation, action, items, *, after):
    """Run `action` on the items in four threads and kill the web process after some answers; returns all answers."""
    done, left = {}, list(items)

    def work():
        while left:
            with contextlib.suppress(*NO_ANSWER):
                item = left.pop()
                done[item] = action(item)

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(done) >= after)
    installation.stack.web.kill()
    for thread in threads:
        thread.join(60)
    installation.stack.start_web()
    assert after <= len(done) < len(items), "the kill came too late to show anything"
    return done


def test_every_push_that_was_promised_is_sent_when_the_web_process_is_killed(installation):
    phones = {index: installation.enroll() for index in range(80)}
    started = kill_amid(installation, lambda index: installation.start(phones[index]), phones, after=20)
    for index, transaction_id in started.items():
        [push] = installation.fcm.wait(phones[index].push_token, status=200)
        assert transaction_id in push["body"]
        assert installation.result(transaction_id)["status"] == "pending"


def test_every_answer_that_was_confirmed_is_called_back_and_the_others_can_be_repeated(installation):
    phone, path = installation.enroll(), installation.path()
    answers = {}
    for _number in range(30):
        transaction_id = installation.start(phone, path)
        challenge = phone.device.fetch(transaction_id)
        answers[transaction_id] = phone.device.seal(
            {"transaction_id": transaction_id, "token": challenge["token"], "authenticated": True}
        )
    kill_amid(installation, lambda one: phone.device.send_answer(one, answers[one]), answers, after=8)
    for transaction_id, message in answers.items():
        assert phone.device.send_answer(transaction_id, message) == "authenticated"
    calls = installation.portal.wait(path, 30, status=204)
    called = {json.loads(call["body"])["transaction_id"]: [call] for call in calls}
    assert set(called) == set(answers)
    for transaction_id in answers:
        installation.check_callback(transaction_id, called[transaction_id], attempts=1)
    installation.portal.assert_count_stays(path, 30, seconds=1)


def test_the_server_replaces_a_child_that_was_killed(installation):
    phone = installation.enroll()
    for child in children(installation.stack.web.pid):
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: answers_again(installation, phone))
    installation.fcm.wait(phone.push_token, status=200)


def test_a_killed_server_leaves_no_child_behind(installation):
    os.kill(installation.stack.web.pid, signal.SIGKILL)
    wait_until(lambda: installation.stack.get("/healthz")[0] == 0)
    installation.stack.start_web()


def answers_again(installation, phone):
    try:
        return installation.start(phone)
    except (*NO_ANSWER, DeviceApiError):
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as listed:
        return [int(child) for child in listed.read().split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_quickly_when_it_is_asked_to(installation, number):
    _code, seconds = installation.stack.web.stop(number)
    installation.stack.start_web()
    assert seconds < 5
