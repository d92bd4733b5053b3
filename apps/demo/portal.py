"""The backend of the demo's shop: what a portal does with the REST API, and what it does when it is called back."""

import base64
import contextlib
import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common import untrusted_json
from apps.demo.journal import Actor, Journal
from apps.demo.sms_inbox import NUMBER
from apps.demo.visit import PENDING, SignInMethod, Status, Visit
from apps.outgoing import http

SHOP = "Larkspur"
USER_ID = "anna"
# What Anna signs when she pays: all that matters, and nothing that only a machine can read.
PAYMENT = f"Pay € 38.50 to {SHOP}\nIBAN NL02ABNA0123456789\nOrder 1042"
CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS = 2.0, 8.0
# Between two looks at a transaction whose callback did not come.
POLL_SECONDS = 2.0
WRONG_CODE, RESEND_LIMIT_REACHED = "3003", "3006"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"


@dataclass(frozen=True)
class ServerConnection:
    """How the portal reaches the server, and how the server reaches the portal."""

    server: str
    client_id: str
    client_secret: str
    callback_uri: str
    callback_username: str
    callback_password: str
    type_names: dict[SignInMethod, str]
    application_id: str


class SmsLimits(NamedTuple):
    """What the shop knows of its type for text messages; `attempts` is 0 when there is no limit."""

    attempts: int
    resends: int


class PortalError(Exception):
    """The server did not do what the portal asked; the text is for people, `code` the API's."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Portal:
    """One shop with one visitor. `visit` is replaced as a whole, so that it can be read without waiting."""

    def __init__(self, connection: ServerConnection, journal: Journal, limits: Callable[[], SmsLimits]) -> None:
        self.connection = connection
        self._limits = limits
        self.visit = Visit()
        # The phone tells the shop its device id when it enrols; the shop keeps it with the customer.
        self.device_id = ""
        self._journal = journal
        self._next_poll_at = 0.0
        # Held while a sign-in starts: a callback may be quicker than the answer that names its transaction.
        self._lock = threading.Lock()

    def sign_in(self, browser: str, method: SignInMethod) -> None:
        """Ask the server to authenticate Anna (E3)."""
        with self._lock:
            if not self.visit.is_pending:
                self.visit = self._start(method, self._build_form(browser, method))

    def _build_form(self, browser: str, method: SignInMethod) -> dict[str, str]:
        form = {"type": self.connection.type_names[method]}
        if method == SignInMethod.SMS:
            return {**form, "user_id": USER_ID, "phone_number": NUMBER}
        # A one-time password finds its user by itself: whoever scans it.
        to = {} if method == SignInMethod.OTP else {"user_id": USER_ID, "device_id": self.device_id}
        form = {**form, **to, "callback_uri": self.connection.callback_uri}
        if method == SignInMethod.PAYMENT:
            text = _("Anna, you pay from %(browser)s.") % {"browser": browser}
            return {**form, "secure_message": text, "signing_data": PAYMENT}
        text = _("Anna, you are about to sign in from %(browser)s.") % {"browser": browser}
        return {**form, "secure_message": text}

    def _start(self, method: SignInMethod, form: dict[str, str]) -> Visit:
        now = time.time()
        try:
            started = self._call("POST", "/oauth/api/v4/authenticate/user", form, _("start an authentication"))
        except PortalError as error:
            return Visit(Status.FAILED, str(error), method=method)
        limits = self._limits()
        return Visit(
            PENDING[method],
            transaction_id=started["transaction_id"],
            started_at=now,
            ends_at=now + started["time_to_live"] / 1000,
            method=method,
            attempts_left=limits.attempts or None,
            resends_left=limits.resends,
            otp=started.get("otp", ""),
            number=started.get("verification_number", ""),
        )

    def verify(self, code: str) -> None:
        """Send the code that Anna typed (E5)."""
        with self._lock:
            if self.visit.status != Status.ENTER_CODE:
                return
            form = {"transaction_id": self.visit.transaction_id, "sms_code": code or "-"}
            path = f"/oauth/api/v4/authenticate/user/{quote(USER_ID)}/sms"
            try:
                self._call("POST", path, form, _("the code is right"))
                self.visit = replace(self.visit, status=Status.SIGNED_IN, message="")
            except PortalError as error:
                self._handle_wrong_code(error)

    def _handle_wrong_code(self, error: PortalError) -> None:
        remaining = self.visit.attempts_left
        if error.code != WRONG_CODE:
            # Ended meanwhile, or the server is away: how it stands is for the server to say.
            self._read_result()
            return
        remaining = None if remaining is None else max(0, remaining - 1)
        self.visit = replace(self.visit, attempts_left=remaining, message=_wrong_code_text(remaining))
        if remaining == 0:
            self._read_result()

    def resend(self) -> None:
        """Have the same code sent again (E6); PortalError when the server will not."""
        with self._lock:
            if self.visit.status != Status.ENTER_CODE:
                return
            path = f"/oauth/api/v4/authenticate/user/{quote(USER_ID)}/sms/resend"
            try:
                self._call("POST", path, {"transaction_id": self.visit.transaction_id}, _("the code is sent again"))
                remaining = self.visit.resends_left - 1
            except PortalError as error:
                if error.code != RESEND_LIMIT_REACHED:
                    raise
                remaining = 0
            self.visit = replace(self.visit, resends_left=max(0, remaining))

    def is_authorized(self, authorization: str) -> bool:
        """Say in constant time whether a callback carries the credentials that the shop gave to the server."""
        pair = f"{self.connection.callback_username}:{self.connection.callback_password}"
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        return hmac.compare_digest(authorization.encode(), expected.encode())

    def handle_callback(self, transaction_id: str) -> None:
        """The server says that a transaction has ended: read how (E4). One that nobody waits for is nothing to do."""
        with self._lock:
            if self._is_pending_transaction(transaction_id):
                self._journal.write(Actor.PORTAL, "POST /demo/callback → 204", _("callback received"))
                self._read_result()

    def poll(self) -> Visit:
        """Return the visit; past its end the result is read without a callback (expiry has none by default)."""
        now = time.time()
        if self.visit.is_pending and now > max(self.visit.ends_at, self._next_poll_at):
            with self._lock:
                if self._is_pending_transaction(self.visit.transaction_id) and now > self._next_poll_at:
                    self._next_poll_at = now + POLL_SECONDS
                    self._read_result()
        return self.visit

    def _is_pending_transaction(self, transaction_id: str) -> bool:
        return self.visit.is_pending and self.visit.transaction_id == transaction_id

    def _read_result(self) -> None:
        path = f"/oauth/api/v4/authenticate/transaction/{self.visit.transaction_id}"
        try:
            result = self._call("GET", path, note=_("read the result"))
        except PortalError as error:
            self.visit = replace(self.visit, status=Status.FAILED, message=str(error))
            return
        reason = result.get("not_authenticated_reason", {})
        pending = PENDING[self.visit.method]
        status = pending if result["status"] == "pending" else STATUSES.get(result["status"], Status.FAILED)
        if status == pending:
            return
        if status == Status.FAILED and reason.get("reason") == "not_accepted":
            status = Status.DENIED
        if status == Status.SIGNED_IN and self.visit.method == SignInMethod.PAYMENT:
            status = Status.PAID if result.get("signature_verified") else Status.FAILED
        text = reason.get("description") or _("The authentication was cancelled.")
        if reason.get("reason") == "invalid_answer":
            is_code = self.visit.method == SignInMethod.SMS
            text = _("The code was wrong too often.") if is_code else _("The PIN was wrong too often.")
        self.visit = replace(self.visit, status=status, message=text if status == Status.FAILED else "")

    def leave(self) -> None:
        """Sign out, or stop waiting: what still pends is cancelled (E8)."""
        with self._lock:
            if self.visit.is_pending:
                path = f"/oauth/api/v4/authenticate/transaction/{self.visit.transaction_id}"
                # It may have ended meanwhile, and who leaves does not wait for a server that is away.
                with contextlib.suppress(PortalError):
                    self._call("DELETE", path, note=_("cancel the authentication"))
            # Who does not pay after all is signed in still.
            remains_signed_in = self.visit.is_pending and self.visit.method == SignInMethod.PAYMENT
            self.visit = Visit(Status.SIGNED_IN) if remains_signed_in else Visit()

    def enrollment_code(self) -> str:
        """Get a one-time code with which Anna's phone enrols."""
        created = self._call(
            "POST",
            f"/oauth/api/v4/users/{quote(USER_ID)}/enrollment-codes",
            {"application_id": self.connection.application_id},
            _("get an enrolment code"),
        )
        return str(created["enrollment_code"])

    def _call(self, method: str, path: str, form: dict[str, str] | None = None, note: str = "") -> dict[str, Any]:
        """Call the REST API with the portal's credentials; PortalError says in words what went wrong."""
        pair = f"{self.connection.client_id}:{self.connection.client_secret}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            # Shop and server share a process here: a connection that it keeps to itself would hold up its end.
            "Connection": "close",
        }
        body = b""
        if form is not None:
            headers["Content-Type"] = FORM
            body = urlencode({name: value for name, value in form.items() if value}).encode()
        request = http.Request(
            method, self.connection.server + path, headers, body, CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS
        )
        try:
            response = http.send(request)
        except http.NoResponse as error:
            self._journal.write(Actor.PORTAL, f"{method} {path}", error.reason, failed=True)
            raise PortalError(
                _("The server does not answer the portal: %(reason)s") % {"reason": error.reason}
            ) from None
        content = _members(response.body)
        is_error = response.status >= 400
        error_text = _error_text(response.status, content) if is_error else note
        self._journal.write(Actor.PORTAL, f"{method} {path} → {response.status}", error_text, failed=is_error)
        if is_error:
            raise PortalError(error_text, str(content.get("error_code", "")))
        return content


# The statuses of E4. What is neither here nor a denial has failed, with the server's reason.
STATUSES = {
    "authenticated": Status.SIGNED_IN,
    "expired": Status.EXPIRED,
}


def _members(body: bytes) -> dict[str, Any]:
    try:
        content = untrusted_json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _error_text(status: int, content: dict[str, Any]) -> str:
    text = content.get("error_description") or _("The server answered HTTP %(status)d.") % {"status": status}
    code = content.get("error_code")
    return _("%(text)s (error %(code)s)") % {"text": text, "code": code} if code else str(text)


def _wrong_code_text(count: int | None) -> str:
    if count is None:
        return _("This code is wrong. Try again.")
    text = ngettext(
        "This code is wrong: %(count)d attempt left.", "This code is wrong: %(count)d attempts left.", count
    )
    return text % {"count": count}
