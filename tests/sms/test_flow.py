"""Delivery of SMS by the server's processes, including a `kill -9` of the worker during a request."""

import base64
import json
import re
import urllib.error
import urllib.request
from contextlib import ExitStack
from urllib.parse import urlencode

import pytest

from tests.fakes import twilio
from tests.fakes.fake_server import Control
from tests.flows import installation as installations
from tests.flows.programs import FakeServerProgram
from tests.flows.stack import Stack
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes
SECRET = "client-secret-of-the-portal"
LEASE_ENDS_SECONDS = 32
CONFIGURATION = {
    "api_clients": [
        {
            "name": "Portal",
            "client_id": "portal",
            "client_secret": SECRET,
            "apis": ["mobile_authentication", "events"],
        }
    ],
    "mobile_authentication_types": [
        {"name": "login-sms", "method": "sms", "max_resends": 1, "default_messages": {"en": "Your code: {code}"}}
    ],
}


class RunningServer:
    """Processes of the server and the fake of Twilio, with the requests of a portal."""

    def __init__(self, stack, gateway):
        self.stack, self.gateway = stack, gateway

    def call(self, path, **fields):
        pair = base64.b64encode(f"portal:{SECRET}".encode()).decode()
        request = urllib.request.Request(self.stack.url + path, headers={"Authorization": f"Basic {pair}"})
        if fields:
            request.data = urlencode(fields).encode()
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or "null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def start(self, number):
        path = "/oauth/api/v4/authenticate/user"
        status, body = self.call(path, type="login-sms", user_id="anna", phone_number=number)
        assert status == 200, body
        return body["transaction_id"]

    def verify(self, transaction_id, code):
        path = "/oauth/api/v4/authenticate/user/anna/sms"
        return self.call(path, transaction_id=transaction_id, sms_code=code)[0]

    def resend(self, transaction_id):
        return self.call("/oauth/api/v4/authenticate/user/anna/sms/resend", transaction_id=transaction_id)[0]

    def status(self, transaction_id):
        return self.call(f"/oauth/api/v4/authenticate/transaction/{transaction_id}")[1]["status"]

    def event_types(self, transaction_id):
        _status, body = self.call(f"/oauth/api/v1/events?transaction_id={transaction_id}")
        return [event["event_type"] for event in body["result_set"]]


def code_in(request):
    return re.fullmatch(r"Your code: (\d{6})", twilio.form(request["body"])["Body"])[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ExitStack() as exit_stack:
        description = exit_stack.enter_context(FakeServerProgram("tests.fakes.twilio"))
        stack = Stack(tmp_path_factory.mktemp("sms"), **installations.database(offset=9), **description["environment"])
        exit_stack.callback(stack.stop)
        stack.command("migrate", "--no-input")
        stack.configure(CONFIGURATION)
        stack.start()
        yield RunningServer(stack, Control(description["url"]))


@pytest.fixture(autouse=True)
def silent_logs(server):
    """Assert that logs contain no traceback, number, message or credential."""
    yield
    for program in server.stack.programs:
        log_lines = program.new_log_lines()
        for secret in ["Traceback", "Your code", "+316", twilio.AUTH_TOKEN, SECRET]:
            assert secret not in log_lines, f"{program.name}: {log_lines[-3000:]}"


def test_code_of_a_delivered_message_authenticates(server):
    transaction_id = server.start("+31612345671")
    [request] = server.gateway.wait("+31612345671", status=201)
    assert server.status(transaction_id) == "pending"
    assert server.verify(transaction_id, code_in(request)) == 200
    assert server.status(transaction_id) == "authenticated"
    wait_until(lambda: "SMS_AUTH_INIT_MESSAGE_SENT" in server.event_types(transaction_id), 5)


def test_temporarily_rejected_message_is_retried(server):
    server.gateway.script("+31612345672", twilio.error(20429, 429))
    transaction_id = server.start("+31612345672")
    first, second = server.gateway.wait("+31612345672", 2)
    assert first["body"].split("&Validity")[0] == second["body"].split("&Validity")[0]
    assert server.verify(transaction_id, code_in(second)) == 200


def test_slow_gateway_does_not_delay_other_messages(server):
    server.gateway.script("+31612345673", {"delay": 30})
    delayed_id = server.start("+31612345673")
    server.gateway.wait("+31612345673")
    server.start("+31612345674")
    server.gateway.wait("+31612345674", status=201, seconds=2)
    wait_until(lambda: "SMS_AUTH_INIT_OUTCOME_UNKNOWN" in server.event_types(delayed_id), 14)
    server.gateway.release()
    server.gateway.assert_count_stays("+31612345673", 1, seconds=1)


def test_killed_worker_sends_no_duplicate_and_a_resend_works(server):
    number = "+31612345675"
    server.gateway.script(number, {"delay": 60})
    transaction_id = server.start(number)
    server.gateway.wait(number)
    server.stack.worker.kill()
    server.stack.start_worker()
    wait_until(lambda: "SMS_AUTH_INIT_OUTCOME_UNKNOWN" in server.event_types(transaction_id), LEASE_ENDS_SECONDS)
    server.gateway.release()
    assert server.status(transaction_id) == "pending"
    server.gateway.assert_count_stays(number, 1)
    assert server.resend(transaction_id) == 204
    first, second = server.gateway.wait(number, 2)
    assert code_in(first) == code_in(second)
    server.gateway.wait(number, status=201)
    server.gateway.assert_count_stays(number, 2, seconds=1)
    assert server.verify(transaction_id, code_in(second)) == 200


def test_command_sends_through_the_gateway(server):
    output = json.loads(server.stack.command("send_test_sms", "+31 6 12345676", "--json"))
    assert (output["outcome"], output["http_status"]) == ("accepted", 201)
    [request] = server.gateway.received("+31612345676")
    assert "test" in twilio.form(request["body"])["Body"]
