"""An installation with the phones of its users, and the fake servers of the libraries with the same operations."""

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from countersign import AsyncClient, Client
from countersign.testing import FakeServer, FakeType

from apps.demo.device import Device

CLIENT_ID, CLIENT_SECRET = "portal: one", "client secret%20of the portal+"
SIGNING_SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_kvA5Lq8HIqxsTvVvQ2vXq8Yl1vQ0m2Zr")
CREDENTIALS = ("countersign", "callback: password")
TYPES = {
    "login": {"method": "push", "max_resends": 1, "fallback": "login-sms"},
    "login-again": {"method": "push", "max_resends": 1, "fallback": "login-sms"},
    "login-sms": {"method": "sms", "max_resends": 1, "max_attempts": 3},
    "match": {"method": "push", "number_matching_digits": 4},
    "scan": {"method": "otp"},
    "terminal": {"method": "push", "code_to_phone": True},
}
_numbers = itertools.count(100)


class Phones:
    """Phones of the users at a server."""

    def __init__(self, url, sms_service):
        self.url, self.sms_service = url, sms_service
        self.client = Client(url, CLIENT_ID, CLIENT_SECRET)
        self.by_device_id = {}

    def enroll(self, user_id):
        """Enrol a device of a user and return its id."""
        code = self.client.create_enrollment_code(user_id, "demo")
        device = Device(self.url)
        device.enroll(code.enrollment_code, application_id="demo", platform="android", app_version="1.0.0")
        device.enroll_push(f"push-token-{device.device_id}")
        self.by_device_id[device.device_id] = device
        return device.device_id

    def approve(self, device_id, transaction_id, number=""):
        device = self.by_device_id[device_id]
        return device.answer(device.fetch(transaction_id), approve=True, number=number)

    def approve_next(self, device_id):
        """Wait for a transaction of a device and approve it."""
        return self.approve(device_id, self.next(device_id))

    def deny_next(self, device_id):
        return self.deny(device_id, self.next(device_id))

    def next(self, device_id):
        deadline = time.monotonic() + 20
        while not (waiting := self.by_device_id[device_id].pending()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return waiting[0]["transaction_id"]

    def deny(self, device_id, transaction_id, fraud=False):
        device = self.by_device_id[device_id]
        answer = {
            "transaction_id": transaction_id,
            "token": device.fetch(transaction_id)["token"],
            "authenticated": False,
        }
        return device.send_answer(transaction_id, device.seal(answer | ({"fraud": True} if fraud else {})))

    def code(self, device_id, transaction_id):
        device = self.by_device_id[device_id]
        return device.fetch_code(device.fetch(transaction_id))

    def scan(self, device_id, otp):
        device = self.by_device_id[device_id]
        return device.answer(device.claim_otp(otp), approve=True)

    def sms_count(self, phone_number):
        """Return the number of SMS that were sent to a number."""
        return len(self.sms_service.wait(phone_number, 0, 204, 0))

    def sms_code(self, phone_number, count=1):
        """Wait for a number of SMS and return the code of the last one."""
        received = self.sms_service.wait(phone_number, count, 204, 8)
        assert len(received) >= count
        return json.loads(received[-1]["body"])["verification_code"]


class Real:
    """Backend of the scenarios: a running server."""

    def __init__(self, phones):
        self.phones = phones
        self.enroll, self.approve, self.deny, self.scan = phones.enroll, phones.approve, phones.deny, phones.scan
        self.code = phones.code

    def client(self):
        return Client(self.phones.url, CLIENT_ID, CLIENT_SECRET)

    def async_client(self):
        return AsyncClient(self.phones.url, CLIENT_ID, CLIENT_SECRET)

    def sms_code(self, _transaction_id, phone_number):
        return self.phones.sms_code(phone_number)

    def add_events(self, user_id):
        """The server records its own events."""


class Fake:
    """Backend of the scenarios: the fake server of the library."""

    def __init__(self):
        self.server = FakeServer({name: FakeType(**members) for name, members in TYPES.items()})
        self.client, self.async_client = self.server.client, self.server.async_client

    def enroll(self, user_id):
        return self.server.add_device(user_id)

    def approve(self, _device_id, transaction_id, number=""):
        self.server.approve(transaction_id)

    def deny(self, _device_id, transaction_id, fraud=False):
        self.server.deny(transaction_id, fraud=fraud)

    def code(self, _device_id, transaction_id):
        return self.server.phone_code(transaction_id)

    def scan(self, device_id, otp):
        [user_id] = [device.user_id for device in self.server.devices if device.device_id == device_id]
        [waiting] = [row for row in self.server.portal.transactions.values() if row.started_json().get("otp") == otp]
        self.server.approve(waiting.transaction_id, user_id)

    def sms_code(self, transaction_id, _phone_number):
        return self.server.sms_code(transaction_id)

    def add_events(self, user_id):
        for event_type in ("KEY_ENROLLMENT_SUCCESS", "PUSH_ENROLLMENT_SUCCESS", "PUSH_AUTH_INITIALIZED"):
            self.server.add_event(event_type, user_id=user_id)


class PhoneServer:
    """Phones over HTTP, for scenarios in another process: `POST /METHOD` with the arguments as JSON members."""

    def __init__(self, phones):
        handler = type("Handler", (PhoneHandler,), {"phones": phones})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()


class PhoneHandler(BaseHTTPRequestHandler):
    phones = None

    def do_POST(self):
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = json.dumps(getattr(self.phones, self.path.strip("/"))(**arguments)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(result)))
        self.end_headers()
        self.wfile.write(result)

    def log_message(self, *arguments):
        pass


def phone_number():
    """Return a valid phone number that no other test uses."""
    return f"+12025550{next(_numbers)}"
