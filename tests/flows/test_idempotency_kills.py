"""`kill -9` of the web process while portals repeat starts with an Idempotency-Key until they get a response."""

import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

# TEST_KILLED_LOGINS=300 runs the long test.
STARTS = int(os.environ.get("TEST_KILLED_LOGINS", "100"))
RESPONSES_BETWEEN_KILLS = 25
CLIENTS = 8
CONNECTION_ERRORS = (OSError, http.client.HTTPException)


class Starts:
    """Starts of several users, each repeated with its key until it gets a response, and their results."""

    def __init__(self, installation):
        self.installation = installation
        self.users = [installation.enroll() for _client in range(CLIENTS)]
        self.serving = threading.Event()
        self.responses, self.rejections, self.unanswered = {}, [], []

    def send(self, number):
        user = self.users[number % CLIENTS]
        fields = {
            "type": "login",
            "user_id": user.user_id,
            "device_id": user.device.device_id,
            "callback_uri": self.installation.portal.url + "/callback",
            "message": f"Sign-in {number}",
        }
        key = {"Idempotency-Key": f"kill {number}"}
        return self.installation.call("/oauth/api/v4/authenticate/user", fields, **key)

    def repeat(self, number):
        """Send a start until it gets a response. A response other than 200 is stored as a rejection."""
        while True:
            assert self.serving.wait(60)
            try:
                status, body = self.send(number)
            except CONNECTION_ERRORS:
                self.unanswered.append(number)
                continue
            if status != 200:
                self.rejections.append((number, status, body))
                return
            self.responses[number] = body
            return

    def finished(self):
        return len(self.responses) + len(self.rejections)

    def kill_web_until_finished(self):
        """Kill the web process repeatedly until all starts have a response. Return the number of kills."""
        web, kills = self.installation.stack.web, 0
        self.serving.set()
        while (before := self.finished()) < STARTS:
            target = min(before + RESPONSES_BETWEEN_KILLS, STARTS)
            wait_until(lambda target=target: self.finished() >= target, 30)
            if target < STARTS:
                self.serving.clear()
                web.kill()
                self.installation.stack.start_web()
                self.serving.set()
                kills += 1
        return kills

    def started(self, user):
        """Return the ids of all transactions of a user, from the events of their starts."""
        query = {"user_id": user.user_id, "event_type": "PUSH_AUTH_INITIALIZED", "size": 1000}
        status, body = self.installation.call(f"/oauth/api/v1/events?{urlencode(query)}")
        assert status == 200, body
        return [event["transaction_id"] for event in body["result_set"]]


def test_key_starts_one_transaction_while_the_web_process_is_killed(installation):
    starts = Starts(installation)
    with ThreadPoolExecutor(CLIENTS) as clients:
        futures = [clients.submit(starts.repeat, number) for number in range(STARTS)]
        kills = starts.kill_web_until_finished()
        for future in futures:
            future.result(60)
    assert not starts.rejections, f"{len(starts.rejections)} rejected: {starts.rejections[0]}"
    assert kills >= STARTS // RESPONSES_BETWEEN_KILLS - 1
    assert starts.unanswered, "no request was interrupted by a kill"
    returned = {body["transaction_id"] for body in starts.responses.values()}
    started = [transaction_id for user in starts.users for transaction_id in starts.started(user)]
    assert (len(returned), len(started), set(started)) == (STARTS, STARTS, returned)
    # Each start sent a push, and a repeat after all kills gets the first response.
    for user in starts.users:
        installation.fcm.wait(user.push_token, len(starts.started(user)), status=200, seconds=20)
    for number, body in starts.responses.items():
        assert starts.send(number) == (200, body)
