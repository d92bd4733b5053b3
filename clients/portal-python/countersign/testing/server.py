"""Fake server: routes of the APIs, credentials, idempotency keys and scripted failures."""

import base64
import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Unpack
from urllib.parse import parse_qs, parse_qsl, unquote

import httpx

from countersign.async_client import AsyncClient
from countersign.client import Client
from countersign.connection import ClientOptions, Clock
from countersign.testing import callbacks
from countersign.testing.errors import FakeError
from countersign.testing.portal_api import PortalApi
from countersign.testing.state import FakeDevice, FakeTransaction, FakeType, Outcome
from countersign.testing.user_api import EventsApi, UserApi

BASE_URL = "https://countersign.invalid"
CLIENT_ID, CLIENT_SECRET = "portal", "secret-of-the-fake-server"
PORTAL = r"/oauth/api/v4/authenticate"
USERS = r"/oauth/api/v4/users/([^/]+)"


class FakeClock(Clock):
    """Clock that does not wait: a pause moves its time."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


@dataclass(frozen=True)
class Route:
    """Method and path of an operation. Its function returns the members of the response, or None for 204."""

    method: str
    pattern: str
    run: Callable[..., Any]
    has_fields: bool = False
    status: int = 200

    def respond(self, parts: list[str], fields: dict[str, Any]) -> httpx.Response:
        members = self.run(*parts, fields) if self.has_fields else self.run(*parts)
        return httpx.Response(204) if members is None else _json(self.status, members)


class FakeServer:
    """Countersign server for tests. Its methods do what devices, providers and failures do.

    `types`: the mobile authentication types by name, each a method or a `FakeType`.
    """

    signing_secret = callbacks.SIGNING_SECRET
    callback_credentials = (callbacks.USERNAME, callbacks.PASSWORD)

    def __init__(self, types: Mapping[str, str | FakeType], applications: tuple[str, ...] = ("demo",)) -> None:
        self.clock = FakeClock()
        kinds = {name: FakeType(kind) if isinstance(kind, str) else kind for name, kind in types.items()}
        self.devices: list[FakeDevice] = []
        self.portal = PortalApi(kinds, self.devices, self.clock.now)
        self.users = UserApi(self.devices, applications, self.clock.now)
        self.event_log = EventsApi()
        # Form fields or JSON members of all requests, with method and path.
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self._failures: list[Callable[[], httpx.Response]] = []
        self._stored: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
        self._routes = self._build_routes()

    def client(self, **options: Unpack[ClientOptions]) -> Client:
        """Return a client of this server that never waits."""
        return Client(BASE_URL, CLIENT_ID, CLIENT_SECRET, **self._with_defaults(options))

    def async_client(self, **options: Unpack[ClientOptions]) -> AsyncClient:
        return AsyncClient(BASE_URL, CLIENT_ID, CLIENT_SECRET, **self._with_defaults(options))

    def add_device(self, user_id: str, device_id: str = "", name: str = "Phone", platform: str = "android") -> str:
        """Enrol a device of a user, also for push, and return its id."""
        device_id = device_id or uuid.uuid4().hex.upper() * 2
        self.devices.append(FakeDevice(user_id, device_id, name, platform, int(self.clock.now() * 1000)))
        return device_id

    def plan(self, *outcomes: Outcome) -> None:
        """Set the outcomes of the next transactions. Each takes place after the first reading of the result."""
        self.portal.planned.extend(outcomes)

    def approve(self, transaction_id: str, user_id: str = "") -> callbacks.CallbackRequest:
        """Approve as the user does, and return the callback. `user_id` is required for one-time passwords."""
        transaction = self.portal.pending(transaction_id)
        if transaction.type.code_to_phone:
            raise ValueError("a device cannot approve a transaction with code_to_phone: use phone_code")
        transaction.user_id = user_id or transaction.user_id
        if not transaction.user_id:
            raise ValueError("user_id is required: the device that scans a one-time password identifies the user")
        return self._end(transaction, "approve")

    def deny(self, transaction_id: str, *, fraud: bool = False) -> callbacks.CallbackRequest:
        """Deny as the user does, and return the callback."""
        return self._end(self.portal.pending(transaction_id), "report_fraud" if fraud else "deny")

    def fail_to_send(self, transaction_id: str) -> callbacks.CallbackRequest:
        """Fail as the provider does, and return the callback."""
        return self._end(self.portal.pending(transaction_id), "fail_to_send")

    def expire(self, transaction_id: str) -> None:
        """Expire the transaction. By default, the server sends no callback."""
        self.portal.pending(transaction_id).apply("expire")

    def sms_code(self, transaction_id: str) -> str:
        """Return the code that the user receives by SMS."""
        return self.portal.find(transaction_id).code

    def phone_code(self, transaction_id: str) -> str:
        """Show the code on the device, and return it. Before, no code is correct."""
        transaction = self.portal.pending(transaction_id)
        transaction.is_code_shown = True
        return transaction.code

    def callback(self, transaction_id: str) -> callbacks.CallbackRequest:
        """Return the callback of a transaction, signed at the current time."""
        transaction = self.portal.find(transaction_id)
        return callbacks.build(transaction.callback_uri, transaction.transaction_id, time.time())

    def add_event(self, event_type: str, **members: Any) -> None:
        """Add an event to the audit log."""
        self.event_log.rows.append(
            {
                "event_identifier": str(uuid.uuid4()),
                "event_name": event_type.replace("_", " "),
                "event_type": event_type,
                "client_id": CLIENT_ID,
                "app_name": "",
                "transaction_id": None,
                "user_id": "",
                "client_ip": None,
                "user_agent": "",
                "occurred": int(self.clock.now() * 1000),
                "details": {},
                **members,
            }
        )

    def fail_next(self, name: str, *, retry_after: int | None = None) -> None:
        """Respond to the next request with an error, by its number or token. Several calls queue several errors."""
        self._failures.append(lambda: _error(FakeError(name, retry_after=retry_after)))

    def disconnect_next(self, *, processed: bool = False) -> None:
        """Break the connection of the next request; with `processed`, after the server has processed it."""
        self._failures.append(_disconnect_after if processed else _disconnect_before)

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Respond to a request, as a handler of `httpx.MockTransport`."""
        failure = self._failures.pop(0) if self._failures else None
        if failure and failure is not _disconnect_after:
            return failure()
        try:
            response = self._dispatch(request)
        except FakeError as error:
            response = _error(error)
        return failure() if failure else response

    def _with_defaults(self, options: ClientOptions) -> ClientOptions:
        return {"transport": httpx.MockTransport(self.respond), "clock": self.clock, **options}

    def _end(self, transaction: FakeTransaction, outcome: Outcome) -> callbacks.CallbackRequest:
        transaction.apply(outcome)
        return self.callback(transaction.transaction_id)

    def _dispatch(self, request: httpx.Request) -> httpx.Response:
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {pair}":
            raise FakeError("invalid_client")
        path, fields = request.url.raw_path.decode().partition("?")[0], _fields(request)
        self.requests.append((request.method, path, fields))
        if (request.method, path) == ("POST", f"{PORTAL}/user"):
            return _json(200, self._start(request, fields))
        if path == "/oauth/api/v1/events":
            return _json(200, self.event_log.page(parse_qs(request.url.query.decode())))
        for route in self._routes:
            match = re.fullmatch(route.pattern, path)
            if match and route.method == request.method:
                return route.respond([unquote(part) for part in match.groups()], fields)
        raise FakeError("not_found", "This path does not exist.")

    def _start(self, request: httpx.Request, form: dict[str, str]) -> dict[str, Any]:
        key = request.headers.get("idempotency-key", "")
        if key in self._stored:
            parameters, response = self._stored[key]
            if parameters != form:
                raise FakeError("idempotency_key_reused")
            return response
        response = self.portal.start(form)
        if key:
            self._stored[key] = (form, response)
        return response

    def _build_routes(self) -> list[Route]:
        portal, users = self.portal, self.users
        transaction, user = rf"{PORTAL}/transaction/([^/]+)", rf"{PORTAL}/user/([^/]+)"
        device = rf"{USERS}/devices/([^/]+)"
        return [
            Route("GET", transaction, portal.result),
            Route("DELETE", transaction, portal.cancel),
            Route("POST", f"{transaction}/resend", portal.resend_push),
            Route("POST", f"{user}/sms", portal.verify_sms, has_fields=True),
            Route("POST", f"{user}/code", portal.verify_code, has_fields=True),
            Route("POST", f"{user}/sms/resend", portal.resend_sms, has_fields=True),
            Route("GET", f"{user}/enabled", portal.user_types),
            Route("GET", f"{user}/device/([^/]+)/enabled", portal.device_types),
            Route("POST", f"{USERS}/enrollment-codes", users.create_enrollment_code, has_fields=True, status=201),
            Route("GET", f"{USERS}/devices", users.list),
            Route("POST", f"{USERS}/devices", users.delete_listed, has_fields=True),
            Route("DELETE", f"{USERS}/devices", users.delete_all),
            Route("DELETE", device, users.delete),
            Route("POST", f"{device}/disableFingerprint", users.disable_fingerprint),
            Route("POST", f"{device}/disablePushAuthentication", users.disable_push),
            Route("POST", f"{device}/disableMobileAuthentication", users.disable_mobile_authentication),
        ]


def _fields(request: httpx.Request) -> dict[str, Any]:
    """Return the form fields or JSON members. An empty field counts as absent."""
    if request.headers.get("content-type", "").startswith("application/json"):
        members: dict[str, Any] = json.loads(request.content)
        return members
    return {name: value for name, value in parse_qsl(request.content.decode()) if value}


def _json(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, json=body)


def _error(error: FakeError) -> httpx.Response:
    return httpx.Response(error.status, json=error.body, headers=error.headers)


def _disconnect_before() -> httpx.Response:
    raise httpx.ConnectError("connection refused")


def _disconnect_after() -> httpx.Response:
    raise httpx.ReadError("connection reset")
