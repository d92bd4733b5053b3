"""`kill -9` of the web process while portals repeat starts with an Idempotency-Key until they are answered."""

import http.client
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes

# TEST_KILLED_LOGINS=300 is the long run.
LOGINS = int(os.environ.get("TEST_KILLED_LOGINS", "100"))
ANSWERS_BETWEEN_KILLS = 25
CLIENTS = 8
NO_ANSWER = (OSError, http.client.HTTPException)


class Starts:
    """Starts of some users, each repeated with its key until it is answered, and what came of them."""

    def __init__(self, installation):
        self.installation = installation
        self.phones = [installation.enroll() for _client in range(CLIENTS)]
        self.serving = threading.Event()
        self.answers, self.refusals, self.unanswered = {}, [], []

    def send(self, number):
        phone = self.phones[number % CLIENTS]
        fields = {
            "type": "login",
            "user_id": phone.user_id,
            "device_id": phone.device.device_id,
            "callback_uri": self.installation.portal.url + "/callback",
            "message": f"Sign-in {number}",
        }
        key = {"Idempotency-Key": f"kill {number}"}
        return self.installation.call("/oauth/api/v4/authenticate/user", fields, **key)

    def repeat(self, number):
        """Send a start until it is answered; any answer but 200 ends it and is noted."""
        while True:
            assert self.serving.wait(60)
            try:
                status, body = self.send(number)
            except NO_ANSWER:
                self.unanswered.append(number)
                continue
            if status != 200:
                self.refusals.append((number, status, body))
                return
            self.answers[number] = body
            return

    def finished(self):
        return len(self.answers) + len(self.refusals)

    def kill_web_until_finished(self):
        """Kill the web process each time that it has answered some, until all are answered; returns how often."""
        web, kills = self.installation.stack.web, 0
        self.serving.set()
        while (before := self.finished()) < LOGINS:
            aim = min(before + ANSWERS_BETWEEN_KILLS, LOGINS)
            wait_until(lambda aim=aim: self.finished() >= aim, 30)
            if aim < LOGINS:
                self.serving.clear()
                web.kill()
                self.installation.stack.start_web()
                self.serving.set()
                kills += 1
        return kills

    def started(self, phone):
        """Return the ids of all transactions of a user, by the events of their starts."""
        query = {"user_id": phone.user_id, "event_type": "PUSH_AUTH_INITIALIZED", "size": 1000}
        status, body = self.installation.call(f"/oauth/api/v1/events?{urlencode(query)}")
        assert status == 200, body
        return [event["transaction_id"] for event in body["result_set"]]


def test_a_key_starts_one_login_while_the_web_process_is_killed(installation):
    starts = Starts(installation)
    with ThreadPoolExecutor(CLIENTS) as clients:
        done = [clients.submit(starts.repeat, number) for number in range(LOGINS)]
        kills = starts.kill_web_until_finished()
        for one in done:
            one.result(60)
    assert not starts.refusals, f"{len(starts.refusals)} refused: {starts.refusals[0]}"
    assert kills >= LOGINS // ANSWERS_BETWEEN_KILLS - 1
    assert starts.unanswered, "no kill came amid a request"
    answered = {body["transaction_id"] for body in starts.answers.values()}
    started = [transaction_id for phone in starts.phones for transaction_id in starts.started(phone)]
    assert (len(answered), len(started), set(started)) == (LOGINS, LOGINS, answered)
    # Each was pushed, and a repeat after all kills still gets what was answered first.
    for phone in starts.phones:
        installation.fcm.wait(phone.push_token, len(starts.started(phone)), status=200, seconds=20)
    for number, body in starts.answers.items():
        assert starts.send(number) == (200, body)
