"""A phone in Java that was written from docs/device-protocol.md: it opens the test vectors and works at a server."""

import base64
import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.demo.running import ROOT
from tests.fakes.fcm import Fcm
from tests.flows.installation import database
from tests.flows.stack import Stack

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not shutil.which("javac"), reason="Java is not installed: install a JDK, version 17 or newer"),
]

VECTORS = ROOT / "docs" / "test-vectors.json"
PIN = "12345"
CLIENT_ID, CLIENT_SECRET = "portal", "client-secret-of-the-portal"
TYPES = [
    {"name": "login", "method": "push"},
    {"name": "login-pin", "method": "push_with_pin"},
    {"name": "login-number", "method": "push", "number_matching_digits": 2},
    {"name": "pay", "method": "push_with_pin", "transaction_signing": True},
    {"name": "scan", "method": "otp"},
]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Compile the phone. Return the command that runs it."""
    classes = tmp_path_factory.mktemp("classes")
    source = ROOT / "tests" / "clients" / "java" / "Phone.java"
    compiled = subprocess.run(
        ["javac", "-Xlint:all,-serial", "-Werror", "-d", classes, source], capture_output=True, text=True, check=False
    )
    assert compiled.returncode == 0, compiled.stderr
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", str(classes), "Phone"]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A portal at a web process without worker: the phones list their transactions."""
    with ExitStack() as exit_stack:
        fcm = exit_stack.enter_context(Fcm())
        stack = Stack(tmp_path_factory.mktemp("site"), **database())
        exit_stack.callback(stack.stop)
        # Enrolment links start with this URL.
        stack.environment["PUBLIC_URL"] = stack.url
        stack.command("migrate", "--no-input")
        stack.configure(configuration(fcm))
        stack.start_web()
        yield Portal(stack.url)


def configuration(fcm):
    account = fcm.describe()
    version = {"platform": "android", "version": "1.0.0", "push_messaging_configuration": "google"}
    return {
        "features": {"transaction_signing": True},
        "api_clients": [
            {
                "name": "Portal",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "apis": ["mobile_authentication", "end_user"],
            }
        ],
        "push_messaging_configurations": [
            {
                "name": "google",
                "platform": "android",
                "fcm_api_version": "http_v1",
                "service_account": account["service_account"],
                "endpoint": account["endpoint"],
            }
        ],
        "applications": [
            {
                "identifier": "shop",
                "name": "Shop",
                "pin_enabled": True,
                "max_pin_attempts": 3,
                "versions": [version],
            }
        ],
        "mobile_authentication_types": [{**each, "default_messages": {"en": "Sign in?"}} for each in TYPES],
    }


class Portal:
    """The requests of a portal."""

    def __init__(self, server):
        self.server = server

    def call(self, path, **parameters):
        credentials = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        request = urllib.request.Request(
            f"{self.server}/oauth/api/v4/{path}",
            data=urlencode(parameters).encode() if parameters else None,
            headers={"Authorization": f"Basic {credentials}"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)

    def enrollment(self, user_id):
        return self.call(f"users/{user_id}/enrollment-codes", application_id="shop")

    def start(self, name, **parameters):
        return self.call("authenticate/user", type=name, callback_uri="http://127.0.0.1:9/callback", **parameters)

    def result(self, transaction_id):
        return self.call(f"authenticate/transaction/{transaction_id}")


class Phone:
    """A running phone that answers commands."""

    def __init__(self, command, portal, state):
        self.portal = portal
        self.process = subprocess.Popen(
            [*command, "--state", str(state)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __call__(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, "the phone has ended"
        return json.loads(line)

    def enroll(self, user_id, pin=None, server=None):
        """Enrol for authentication and for push."""
        code = self.portal.enrollment(user_id)["enrollment_code"]
        enrolled = self("enroll", server or self.portal.server, "shop", code)
        self.user_id, self.device_id = user_id, enrolled["device_id"]
        assert self("push", f"token-{self.device_id}") == {"push_token": f"token-{self.device_id}"}
        if pin:
            assert self("pin", pin, "--profile", enrolled["profile_id"]) == {"registered": "pin"}
        return enrolled["profile_id"]

    def start(self, name, **parameters):
        """Start a transaction for this phone. Return its id."""
        started = self.portal.start(name, user_id=self.user_id, device_id=self.device_id, **parameters)
        return started["transaction_id"]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def new_phone(command, portal, tmp_path):
    """A phone without users."""
    with Phone(command, portal, tmp_path / "phone.json") as phone:
        yield phone


@pytest.fixture(scope="module")
def phone(command, portal, tmp_path_factory):
    """A phone with a user and a PIN, shared by the tests that do not remove its user."""
    with Phone(command, portal, tmp_path_factory.mktemp("phone") / "phone.json") as phone:
        phone.enroll("anna", PIN)
        yield phone


@pytest.fixture
def proxy(portal):
    """A proxy between phone and server. `change` gets a path and a body. It returns a body, or None for no response."""
    with Proxy(portal.server) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield proxy
        proxy.shutdown()
        thread.join()


class Proxy(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, server):
        super().__init__(("127.0.0.1", 0), Forward)
        self.server, self.url = server, f"http://127.0.0.1:{self.server_port}"
        self.change = lambda _path, body: body


class Forward(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        request = urllib.request.Request(self.server.server + self.path, body, headers, method=self.command)
        try:
            response = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            content = self.server.change(self.path, response.read())
        if content is None:
            self.close_connection = True
            return
        self.send_response_only(response.status)
        self.send_header("Date", response.headers["Date"])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815 - names of the base class

    def log_message(self, *_arguments):
        pass


def test_phone_opens_the_good_vectors_and_refuses_the_others(command):
    process = subprocess.run([*command, "vectors", VECTORS], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    [device] = json.loads(VECTORS.read_text())["jose"]["devices"]
    messages = len(device["to_device"]) + len(device["to_server"])
    refused = {
        f"refused_{direction}": sum(each["direction"] == direction for each in device["refused"])
        for direction in ("to_device", "to_server")
    }
    counts = {"opened": messages, "sealed": messages, **refused, "scrypt": 2, "pin_tokens": 2, "otp": 1}
    assert json.loads(process.stdout) == {**counts, "thumbprints": 2, "signatures": 4}


def test_phone_enrols_with_a_link_and_unenrols(new_phone):
    enrolled = new_phone("enroll", new_phone.portal.enrollment("ben")["enrollment_uri"])
    [profile] = new_phone("status")["profiles"]
    assert (profile["profile_id"], profile["application_id"]) == (enrolled["profile_id"], "shop")
    assert new_phone("unenroll") == {"unenrolled": enrolled["profile_id"]}
    assert new_phone("status")["error"] == "invalid_device_token"


def test_phone_lists_shows_and_approves_with_a_pin(phone):
    transaction_id = phone.start("login-pin", secure_message="Sign in as Anna € 😀")
    [listed] = phone("list")["transactions"]
    assert listed["transaction_id"] == transaction_id
    assert phone("approve", transaction_id) == {"error": "show it first"}
    assert phone("show", transaction_id)["message"] == "Sign in as Anna € 😀"
    refused = phone("approve", transaction_id, "--pin", "99999")
    assert (refused["error"], refused["error_code"], refused["used_attempts"]) == ("invalid_pin", "invalid_pin", 1)
    assert phone("approve", transaction_id, "--pin", PIN) == {"status": "authenticated"}
    assert phone.portal.result(transaction_id)["status"] == "authenticated"


def test_phone_with_a_wrong_clock_replaces_its_pin(phone):
    assert phone("pin", "67890")["error"] == "invalid_message"
    assert phone("pin", "67890", "--pin", "54321")["error"] == "invalid_pin"
    # The difference of the last response is now wrong by an hour: the first attempt is rejected, and corrects it.
    assert phone("pin", PIN, "--pin", PIN, "--clock", "3600") == {"registered": "pin"}
    phone("status", "--clock", "0")
    transaction_id = phone.start("login-pin")
    phone("show", transaction_id)
    assert phone("approve", transaction_id, "--pin", PIN) == {"status": "authenticated"}


def test_phone_denies_and_reports_fraud(phone):
    transaction_id = phone.start("login")
    phone("show", transaction_id)
    assert phone("deny", transaction_id, "--fraud") == {"status": "not_authenticated"}
    assert phone.portal.result(transaction_id)["fraud_reported"] is True


def test_phone_sends_the_number_of_the_portal(phone):
    started = phone.portal.start("login-number", user_id=phone.user_id, device_id=phone.device_id)
    transaction_id = started["transaction_id"]
    assert phone("show", transaction_id)["number_matching_digits"] == 2
    assert "--number" in phone("approve", transaction_id)["error"]
    assert phone("approve", transaction_id, "--number", started["verification_number"]) == {"status": "authenticated"}


@pytest.mark.parametrize("data", ['Pay € 38.50\nto "Larkspur" 😀', "😀" * 16_000], ids=["short", "longest"])
def test_phone_signs(phone, data):
    transaction_id = phone.start("pay", signing_data=data)
    assert phone("show", transaction_id)["signing_data"] == data
    assert phone("approve", transaction_id, "--pin", PIN) == {"status": "authenticated"}
    result = phone.portal.result(transaction_id)
    key = serialization.load_pem_public_key(result["user_public_key"].encode())
    key.verify(base64.b64decode(result["signature"]), data.encode(), ec.ECDSA(hashes.SHA256()))


def test_phone_scans_a_one_time_password(phone):
    started = phone.portal.start("scan", secure_message="Sign in by code")
    assert phone("scan", started["otp"])["message"] == "Sign in by code"
    assert phone("approve", started["transaction_id"]) == {"status": "authenticated"}
    assert phone.portal.result(started["transaction_id"])["user_id"] == "anna"


def test_phone_forgets_a_user_after_too_many_wrong_pins(new_phone):
    other = new_phone.enroll("dora")
    disconnected = new_phone.enroll("emma", PIN)
    transaction_id = new_phone.start("login-pin")
    new_phone("show", transaction_id)
    errors = [new_phone("approve", transaction_id, "--pin", pin)["error"] for pin in ("1", "2", "3")]
    assert errors == ["invalid_pin", "invalid_pin", "disconnected"]
    assert "enrol again" in new_phone("pin", PIN, "--profile", disconnected)["error"]
    assert [profile["profile_id"] for profile in new_phone("status")["profiles"]] == [other]
    # The device token is still valid. The user gets a new profile.
    assert new_phone.enroll("emma") not in (disconnected, other)


def test_phone_repeats_an_answer_without_response(new_phone, proxy):
    new_phone.enroll("finn", PIN, server=proxy.url)
    transaction_id = new_phone.start("login-pin")
    new_phone("show", transaction_id)
    answers = []

    def lose_first_answer(path, body):
        answers.extend([body] if path.endswith("/answer") else [])
        return None if len(answers) == 1 else body

    proxy.change = lose_first_answer
    refused = new_phone("approve", transaction_id, "--pin", "99999")
    # The wrong PIN was sent twice and counted once.
    assert (refused["used_attempts"], len(answers)) == (1, 2)


def test_phone_refuses_the_challenge_of_another_transaction(new_phone, proxy):
    new_phone.enroll("gina", server=proxy.url)
    fetched = []

    def return_first_challenge(path, body):
        fetched.extend([body] if path.endswith("/fetch") else [])
        return fetched[0] if path.endswith("/fetch") else body

    proxy.change = return_first_challenge
    first, second = new_phone.start("login"), new_phone.start("login")
    assert new_phone("show", first)["transaction_id"] == first
    assert new_phone("show", second)["error"] == "invalid response: the challenge of another transaction"
    assert new_phone("approve", second) == {"error": "show it first"}
