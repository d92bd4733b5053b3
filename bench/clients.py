"""Load generator: portals and devices with low CPU usage."""

import itertools
import json
from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.demo.device import KEY_KINDS, Device, DeviceApiError
from apps.outgoing import http
from bench import configuration
from bench.arrivals import WAIT_SECONDS
from bench.product import Installation
from tests.fakes.web_push import WebPushControl

ERRORS = (DeviceApiError, http.NoResponse, TimeoutError)
ENROLLING_THREADS = 4
TRANSACTION_PATH = "/oauth/api/v4/authenticate/transaction/"
START_PATH = "/oauth/api/v4/authenticate/user"
_phone_numbers = itertools.count(31_612_000_000)


@dataclass(frozen=True)
class User:
    """User with a phone."""

    user_id: str
    phone: "Phone"


class Portal:
    """Portal with its own credentials and one connection per thread."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        pair = f"{configuration.CLIENT_ID}:{installation.client_secret}"
        self._headers = {
            "Authorization": "Basic " + b64encode(pair.encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def start(self, user: User) -> str:
        """Start a push authentication (E3) and return the transaction id."""
        form = {
            "type": configuration.PUSH_TYPE,
            "user_id": user.user_id,
            "device_id": user.phone.device_id,
            "callback_uri": self._installation.callback_url,
            "secure_message": "You sign in to the bench",
        }
        started: str = self._exchange("POST", START_PATH, form)["transaction_id"]
        return started

    def start_sms(self, user: User, phone_number: str) -> str:
        """Start an SMS authentication (E3) and return the transaction id."""
        form = {"type": configuration.SMS_TYPE, "user_id": user.user_id, "phone_number": phone_number}
        started: str = self._exchange("POST", START_PATH, form)["transaction_id"]
        return started

    def result(self, transaction_id: str) -> str:
        """Return the status of a transaction (E4)."""
        status: str = self._exchange("GET", TRANSACTION_PATH + transaction_id)["status"]
        return status

    def verify(self, user: User, transaction_id: str, code: str) -> None:
        """Verify an SMS code (E5)."""
        form = {"transaction_id": transaction_id, "sms_code": code}
        self._exchange("POST", f"{START_PATH}/{user.user_id}/sms", form)

    def enrollment_code(self, user_id: str) -> str:
        form = {"application_id": configuration.APPLICATION}
        path = f"/oauth/api/v4/users/{user_id}/enrollment-codes"
        code: str = self._exchange("POST", path, form)["enrollment_code"]
        return code

    def _exchange(self, method: str, path: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        response = send_request(method, self._installation.url + path, self._headers, urlencode(form or {}).encode())
        content: dict[str, Any] = json.loads(response.body or b"{}")
        if response.status >= 400:
            raise DeviceApiError.from_response(response.status, content)
        return content


class Phone(Device):
    """Reference device with a persistent connection."""

    def exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, str, bytes]:
        headers = {"Content-Type": "application/json"}
        if self.device_token:
            headers["Authorization"] = f"Bearer {self.device_token}"
        content = b"" if body is None else json.dumps(body).encode()
        response = send_request(method, self.server + path, headers, content)
        return response.status, response.headers.get("date", ""), response.body

    def fetch_sealed(self, transaction_id: str) -> str:
        """Fetch a challenge without opening it."""
        path = f"/device/v1/transactions/{transaction_id}/fetch"
        message: str = self.call("POST", path, {"profile_id": self.profile_id})["message"]
        return message

    def approval(self, sealed_challenge: str) -> str:
        """Open a challenge and return the sealed answer that approves it."""
        return self.sealed_answer(self.open(sealed_challenge), approve=True)


def new_phone_number() -> str:
    """Return a Dutch mobile number that was not used in this run."""
    return f"+{next(_phone_numbers)}"


def send_request(method: str, url: str, headers: dict[str, str], body: bytes) -> http.Response:
    return http.send(http.Request(method, url, headers, body, timeout_seconds=WAIT_SECONDS))


def set_provider_delay(installation: Installation, milliseconds: int) -> None:
    """Set the response time of the fake FCM."""
    http.send(http.Request("POST", f"{installation.fakes_url}/delay/{milliseconds}"))


def enroll_user(installation: Installation, portal: Portal, user_id: str, platform: str = "android") -> User:
    """Enrol a new user with a phone, for push."""
    phone = Phone(installation.url, kind=KEY_KINDS[installation.keys])
    code = portal.enrollment_code(user_id)
    phone.enroll(code, application_id=configuration.APPLICATION, platform=platform)
    phone.enroll_push(_push_token(installation, user_id, platform))
    return User(user_id, phone)


def _push_token(installation: Installation, user_id: str, platform: str) -> str:
    if platform == "web":
        subscription: str = WebPushControl(installation.web_push_url).subscribe()
        return subscription
    # The format of a push token of APNs, which FCM accepts as well.
    return user_id.encode().hex().rjust(64, "0")


def enroll_users(installation: Installation, portal: Portal, user_ids: Iterable[str]) -> list[User]:
    with ThreadPoolExecutor(ENROLLING_THREADS) as pool:
        return list(pool.map(lambda user_id: enroll_user(installation, portal, user_id), user_ids))
