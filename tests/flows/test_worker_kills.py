"""`kill -9` of the worker: the next worker delivers its claimed deliveries within 30 seconds of the kill."""

import contextlib
import json
import signal
import time
from dataclasses import dataclass

import pytest
from joserfc.jws import extract_compact

from tests.fakes import keycloak
from tests.fakes.portal import Portal
from tests.fakes.saturated_port import SaturatedPort
from tests.flows import installation as installations
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

RECOVERY_SECONDS = 30


@dataclass
class InFlight:
    """Deliveries in flight when a worker is killed: a push (by push token) and a callback (by transaction and path)."""

    push_token: str
    transaction_id: str
    path: str


def start_in_flight(installation, failure):
    """Start a push and a callback that get this response of the fakes. Return them in flight."""
    approving_user, pending_user, path = installation.enroll(), installation.enroll(), installation.path()
    installation.portal.script(path, failure)
    installation.fcm.script(pending_user.push_token, failure)
    response_pending = installation.start(approving_user, path)
    installation.answer(approving_user, response_pending)
    installation.start(pending_user)
    installation.portal.wait(path)
    installation.fcm.wait(pending_user.push_token)
    return InFlight(pending_user.push_token, response_pending, path)


def start_blocked(installation, saturated_port):
    """Start a callback that waits for a connection to the portal. Return the transaction id."""
    user = installation.enroll()
    transaction_id = installation.start(user, base=f"http://127.0.0.1:{saturated_port.port}")
    installation.answer(user, transaction_id)
    wait_until(saturated_port.count_waiting_clients)
    return transaction_id


def start_pushed_tokens(installation):
    """Start the push of the tokens of an approved CIBA request, which gets no response. Return the `auth_req_id`."""
    user = installation.enroll()
    installation.portal.script("/ciba", {"delay": 60})
    auth_req_id, transaction_id = installation.start_ciba(user)
    installation.answer(user, transaction_id)
    installation.portal.wait("/ciba")
    return auth_req_id


def start_result_of_keycloak(installation):
    """Approve an authentication of Keycloak, whose response to the result is delayed. Return both ids of it."""
    user = installation.enroll()
    jti, transaction_id = installation.start_at_keycloak(user)
    installation.keycloak.script[keycloak.CALLBACK] = [{"delay": 60}]
    installation.answer(user, transaction_id)
    assert installation.keycloak.wait(keycloak.CALLBACK, 1, None, RECOVERY_SECONDS)
    return jti, transaction_id


def test_worker_killed_at_any_point_loses_no_delivery(installation):
    saturated_port = SaturatedPort()
    auth_req_id = start_pushed_tokens(installation)
    response_pending = start_in_flight(installation, {"delay": 60})
    response_partial = start_in_flight(installation, {"status": 200, "body": "x" * 60, "trickle": 60})
    tables = ("transactions_pushdelivery", "callbacks_callbackdelivery")
    before_request = start_blocked(installation, saturated_port)
    jti, transaction_id = start_result_of_keycloak(installation)
    with installations.locked_rows(installation.stack, *tables):
        installation.fcm.release()
        installation.portal.release()
        installation.fcm.wait(response_pending.push_token, status=200)
        installation.portal.wait(response_pending.path, status=204)
        installation.keycloak.release()
        installation.keycloak.wait(keycloak.CALLBACK, 1, 200, RECOVERY_SECONDS)
        installation.stack.worker.kill()
        killed_at = time.time()
    assert saturated_port.count_waiting_clients() == 0
    saturated_port.close()
    assert installation.keycloak.poll(jti) == keycloak.APPROVED
    with Portal(saturated_port.port) as portal:
        installation.stack.start_worker()
        for in_flight in (response_pending, response_partial):
            check_recovery(installation, killed_at, in_flight)
        check_pushed_tokens(installation, auth_req_id)
        calls = portal.wait("/callback", 1, 204, RECOVERY_SECONDS)
        assert calls[0]["at"] - killed_at < RECOVERY_SECONDS
        installation.check_callback(before_request, calls, attempts=2)
    check_repeated_result(installation, killed_at, transaction_id)


def check_repeated_result(installation, killed_at, transaction_id):
    """Check that Keycloak got the result again, which it rejects, and that this ended the delivery."""
    [lost, repeated] = installation.keycloak.wait(keycloak.CALLBACK, 2, None, RECOVERY_SECONDS)
    assert repeated["at"] - killed_at < RECOVERY_SECONDS
    assert lost["headers"]["authorization"] == repeated["headers"]["authorization"]
    [failed] = wait_until(lambda: installation.events(transaction_id, "PUSH_AUTH_CALLBACK_FAILED"), 5)
    assert (failed["details"]["http_status"], failed["details"]["next_attempt_at"]) == (403, None)
    assert installation.result(transaction_id)["is_authenticated"]


def check_pushed_tokens(installation, auth_req_id):
    """Check that both pushes have the same identifiers, so that the client can ignore the second."""
    bodies = [json.loads(call["body"]) for call in installation.portal.wait("/ciba", 2, seconds=RECOVERY_SECONDS + 5)]
    assert [body["auth_req_id"] for body in bodies] == [auth_req_id] * 2
    for name, claim in (("id_token", "txn"), ("access_token", "jti")):
        tokens = [extract_compact(body[name].encode()) for body in bodies]
        assert len({json.loads(token.payload)[claim] for token in tokens}) == 1
    installation.portal.assert_count_stays("/ciba", 2, seconds=0)


def check_recovery(installation, killed_at, in_flight):
    [_lost, push] = installation.fcm.wait(in_flight.push_token, 2, seconds=RECOVERY_SECONDS + 5)
    calls = installation.portal.wait(in_flight.path, 2, seconds=RECOVERY_SECONDS + 5)
    assert push["at"] - killed_at < RECOVERY_SECONDS
    assert calls[1]["at"] - killed_at < RECOVERY_SECONDS
    installation.fcm.wait(in_flight.push_token, status=200)
    installation.portal.wait(in_flight.path, status=204)
    installation.check_callback(in_flight.transaction_id, calls, attempts=2)
    installation.fcm.assert_count_stays(in_flight.push_token, 2)
    installation.portal.assert_count_stays(in_flight.path, 2, seconds=1)


def test_deliveries_without_a_worker_are_not_lost(installation):
    user, path = installation.enroll(), installation.path()
    installation.stack.worker.kill()
    transaction_id = installation.start(user, path)
    assert installation.answer(user, transaction_id) == "authenticated"
    pending = installation.start(user, path)
    installation.stack.start_worker()
    [push] = installation.fcm.wait(user.push_token, status=200)
    assert pending in push["body"], "the push of the answered transaction was sent"
    installation.check_callback(transaction_id, installation.portal.wait(path, seconds=5), attempts=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_worker_finishes_deliveries_in_flight(installation, number):
    user = installation.enroll()
    installation.fcm.script(user.push_token, {"delay": 1.5})
    installation.start(user)
    installation.fcm.wait(user.push_token)
    code, seconds = installation.stack.worker.stop(number)
    installation.stack.start_worker()
    assert code == 0
    assert seconds < 5
    assert installation.fcm.wait(user.push_token)[0]["status"] == 200
    installation.fcm.assert_count_stays(user.push_token, 1, seconds=2.5)


def test_two_workers_share_deliveries_without_duplicates(installation):
    users = [installation.enroll() for _number in range(5)]
    second_worker = installation.stack.program("second-worker", "worker")
    try:
        installation.stack.start_worker(second_worker)
        started = {}
        path = installation.path()
        for user in users * 20:
            started[installation.start(user, path)] = user
        pushes = [push for user in users for push in installation.fcm.wait(user.push_token, 20, status=200)]
        for transaction_id, user in started.items():
            assert installation.answer(user, transaction_id) == "authenticated"
        installation.portal.wait(path, 100, status=204)
        installation.portal.assert_count_stays(path, 100, seconds=2)
        for user in users:
            installation.fcm.assert_count_stays(user.push_token, 20)
        # Each worker fetches its own access token.
        assert len({push["headers"]["authorization"] for push in pushes}) == 2
    finally:
        with contextlib.suppress(Exception):
            second_worker.stop()
        second_worker.kill()
