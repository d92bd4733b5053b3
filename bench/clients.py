"""Load generator: portals and devices with low CPU usage."""

import json
import threading
from base64 import b64encode
from collections import Counter
from concurrent.futures import Future, InvalidStateError
from typing import IO, Any
from urllib.parse import urlencode

from apps.demo.device import Device, DeviceApiError
from apps.outgoing import http
from bench import configuration
from bench.product import Installation

WAIT_SECONDS = 15.0


class Arrivals:
    """Arrival times of pushes and callbacks at the fakes, in monotonic seconds."""

    def __init__(self, lines: IO[str]) -> None:
        self._futures: dict[tuple[str, str], Future[float]] = {}
        self._lines = lines
        self.counts: Counter[str] = Counter()
        self.last_at: dict[str, float] = {}
        self.most_in_flight = 0
        threading.Thread(target=self._read, name="arrivals", daemon=True).start()

    def wait(self, kind: str, transaction_id: str) -> float:
        """Return the arrival time. Raises TimeoutError if it does not arrive."""
        try:
            return self._future(kind, transaction_id).result(WAIT_SECONDS)
        finally:
            self._futures.pop((kind, transaction_id), None)

    def _future(self, kind: str, transaction_id: str) -> "Future[float]":
        return self._futures.setdefault((kind, transaction_id), Future())

    def _read(self) -> None:
        for line in self._lines:
            kind, transaction_id, arrived_at, in_flight = line.split()
            self.counts[kind] += 1
            self.last_at[kind] = float(arrived_at)
            self.most_in_flight = max(self.most_in_flight, int(in_flight))
            try:
                self._future(kind, transaction_id).set_result(float(arrived_at))
            except InvalidStateError:
                continue  # delivered twice


class Portal:
    """Portal with its own credentials and one connection per thread."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        pair = f"{configuration.CLIENT_ID}:{installation.client_secret}"
        self._headers = {
            "Authorization": "Basic " + b64encode(pair.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def start(self, user_id: str, device_id: str) -> str:
        """Start an authentication (E3) and return the transaction id."""
        form = {
            "type": configuration.TYPE,
            "user_id": user_id,
            "device_id": device_id,
            "callback_uri": self._installation.callback_url,
            "secure_message": "You sign in to the bench",
        }
        started: str = self._post("/oauth/api/v4/authenticate/user", form)["transaction_id"]
        return started

    def enrollment_code(self, user_id: str) -> str:
        form = {"application_id": configuration.APPLICATION}
        code: str = self._post(f"/oauth/api/v4/users/{user_id}/enrollment-codes", form)["enrollment_code"]
        return code

    def _post(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        return exchange_json("POST", self._installation.url + path, self._headers, urlencode(form).encode())


class Phone(Device):
    """Reference device with a persistent connection."""

    def exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str, bytes]:
        headers = {"Content-Type": "application/json"}
        if self.device_token:
            headers["Authorization"] = f"Bearer {self.device_token}"
        content = b"" if body is None else json.dumps(body).encode()
        response = send_request(method, self.server + path, headers, content)
        return response.status, response.headers.get("date", ""), response.body


def exchange_json(method: str, url: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Send a request over the connection of this thread. Raises DeviceApiError for an error response."""
    response = send_request(method, url, headers, body)
    content: dict[str, Any] = json.loads(response.body or b"{}")
    if response.status >= 400:
        raise DeviceApiError.from_response(response.status, content)
    return content


def send_request(method: str, url: str, headers: dict[str, str], body: bytes) -> http.Response:
    return http.send(http.Request(method, url, headers, body, timeout_seconds=WAIT_SECONDS))


def enroll_user(installation: Installation, portal: Portal, number: int) -> "User":
    """Enrol a new user with a phone, for push."""
    user_id = f"user-{number}"
    phone = Phone(installation.url)
    phone.enroll(portal.enrollment_code(user_id), application_id=configuration.APPLICATION)
    phone.enroll_push(f"push-token-of-{user_id}")
    return User(user_id, phone)


class User:
    """User with a phone."""

    def __init__(self, user_id: str, phone: Phone) -> None:
        self.user_id = user_id
        self.phone = phone
