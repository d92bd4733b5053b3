"""The backend of the demo's shop: what a portal does with the REST API, and what it does when it is called back."""

import base64
import hmac
import json
import threading
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _

from apps.common import http
from apps.demo.journal import Actor, Journal

SHOP = "Larkspur"
USER_ID = "anna"
CONNECT_SECONDS, ANSWER_SECONDS = 2.0, 8.0
# Between two looks at a transaction whose callback did not come.
LOOK_AGAIN_SECONDS = 2.0
FORM = "application/x-www-form-urlencoded;charset=UTF-8"


class Status(StrEnum):
    SIGNED_OUT = "signed_out"
    WAITING = "waiting"
    SIGNED_IN = "signed_in"
    DENIED = "denied"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True)
class Visit:
    """Where Anna's visit to the shop stands. `text` says why it FAILED; times in seconds since the epoch."""

    status: Status = Status.SIGNED_OUT
    text: str = ""
    transaction_id: str = ""
    started_at: float = 0.0
    ends_at: float = 0.0


@dataclass(frozen=True)
class Access:
    """How the portal reaches the server, and how the server reaches the portal."""

    server: str
    client_id: str
    client_secret: str
    callback_uri: str
    callback_username: str
    callback_password: str
    type_name: str
    application_id: str


class PortalError(Exception):
    """The server did not do what the portal asked; the text is for people."""


class Portal:
    """One shop with one visitor. `visit` is replaced as a whole, so that it can be read without waiting."""

    def __init__(self, access: Access, journal: Journal) -> None:
        self.access = access
        self.visit = Visit()
        # The phone tells the shop its device id when it enrols; the shop keeps it with the customer.
        self.device_id = ""
        self._journal = journal
        self._look_at = 0.0
        # Held while a sign-in starts: a callback may be quicker than the answer that names its transaction.
        self._lock = threading.Lock()

    def sign_in(self, browser: str) -> None:
        """Ask the server to authenticate Anna (E3)."""
        with self._lock:
            if self.visit.status == Status.WAITING:
                return
            self.visit = self._started(browser)

    def _started(self, browser: str) -> Visit:
        form = {
            "type": self.access.type_name,
            "user_id": USER_ID,
            "device_id": self.device_id,
            "callback_uri": self.access.callback_uri,
            "secure_message": _("Anna, you are about to sign in from %(browser)s.") % {"browser": browser},
        }
        now = time.time()
        try:
            started = self._call("POST", "/oauth/api/v4/authenticate/user", form, _("start an authentication"))
            return Visit(
                Status.WAITING,
                transaction_id=started["transaction_id"],
                started_at=now,
                ends_at=now + started["time_to_live"] / 1000,
            )
        except PortalError as error:
            return Visit(Status.FAILED, str(error))

    def accepts(self, authorization: str) -> bool:
        """Say in constant time whether a callback carries the credentials that the shop gave to the server."""
        pair = f"{self.access.callback_username}:{self.access.callback_password}"
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        return hmac.compare_digest(authorization.encode(), expected.encode())

    def called_back(self, transaction_id: str) -> None:
        """The server says that a transaction has ended: read how (E4). One that nobody waits for is nothing to do."""
        with self._lock:
            if self._waits_for(transaction_id):
                self._journal.write(Actor.PORTAL, "POST /demo/callback → 204", _("callback received"))
                self._read_result()

    def look(self) -> Visit:
        """Return the visit; past its end the result is read without a callback (expiry has none by default)."""
        now = time.time()
        if self.visit.status == Status.WAITING and now > max(self.visit.ends_at, self._look_at):
            with self._lock:
                if self._waits_for(self.visit.transaction_id) and now > self._look_at:
                    self._look_at = now + LOOK_AGAIN_SECONDS
                    self._read_result()
        return self.visit

    def _waits_for(self, transaction_id: str) -> bool:
        return self.visit.status == Status.WAITING and self.visit.transaction_id == transaction_id

    def _read_result(self) -> None:
        path = f"/oauth/api/v4/authenticate/transaction/{self.visit.transaction_id}"
        try:
            result = self._call("GET", path, note=_("read the result"))
        except PortalError as error:
            self.visit = replace(self.visit, status=Status.FAILED, text=str(error))
            return
        reason = result.get("not_authenticated_reason", {})
        status = STATUSES.get(result["status"], Status.FAILED)
        if status == Status.FAILED and reason.get("reason") == "not_accepted":
            status = Status.DENIED
        text = reason.get("description") or _("The authentication was cancelled.")
        self.visit = replace(self.visit, status=status, text=text if status == Status.FAILED else "")

    def leave(self) -> None:
        """Sign out, or stop waiting."""
        with self._lock:
            self.visit = Visit()

    def enrollment_code(self) -> str:
        """Get a one-time code with which Anna's phone enrols."""
        created = self._call(
            "POST",
            f"/oauth/api/v4/users/{quote(USER_ID)}/enrollment-codes",
            {"application_id": self.access.application_id},
            _("get an enrolment code"),
        )
        return str(created["enrollment_code"])

    def _call(self, method: str, path: str, form: dict[str, str] | None = None, note: str = "") -> dict[str, Any]:
        """Call the REST API with the portal's credentials; PortalError says in words what went wrong."""
        pair = f"{self.access.client_id}:{self.access.client_secret}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            # Shop and server share a process here: a connection that it keeps to itself would hold up its end.
            "Connection": "close",
        }
        body = b""
        if form is not None:
            headers["Content-Type"] = FORM
            body = urlencode({name: value for name, value in form.items() if value}).encode()
        request = http.Request(method, self.access.server + path, headers, body, CONNECT_SECONDS, ANSWER_SECONDS)
        try:
            answer = http.send(request)
        except http.NoAnswer as error:
            self._journal.write(Actor.PORTAL, f"{method} {path}", error.reason, failed=True)
            raise PortalError(
                _("The server does not answer the portal: %(reason)s") % {"reason": error.reason}
            ) from None
        content = _members(answer.body)
        failed = answer.status >= 400
        problem = _problem(answer.status, content) if failed else note
        self._journal.write(Actor.PORTAL, f"{method} {path} → {answer.status}", problem, failed=failed)
        if failed:
            raise PortalError(problem)
        return content


# The statuses of E4. What is neither here nor a denial has failed, with the server's reason.
STATUSES = {
    "pending": Status.WAITING,
    "authenticated": Status.SIGNED_IN,
    "expired": Status.EXPIRED,
}


def _members(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _problem(status: int, content: dict[str, Any]) -> str:
    text = content.get("error_description") or _("The server answered HTTP %(status)d.") % {"status": status}
    code = content.get("error_code")
    return _("%(text)s (error %(code)s)") % {"text": text, "code": code} if code else str(text)
