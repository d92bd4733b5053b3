"""Backend of the demo shop: the requests of a portal to the REST APIs, and its callback handler."""

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
# Signing data of a payment: complete and readable for the user.
PAYMENT = f"Pay € 38.50 to {SHOP}\nIBAN NL02ABNA0123456789\nOrder 1042"
CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS = 2.0, 8.0
# Interval between requests for the result of a transaction without a callback.
POLL_SECONDS = 2.0
WRONG_CODE, RESEND_LIMIT_REACHED = "3003", "3006"
FORM = "application/x-www-form-urlencoded;charset=UTF-8"


@dataclass(frozen=True)
class ServerConnection:
    """Connection settings of the portal and the server."""

    server: str
    client_id: str
    client_secret: str
    callback_uri: str
    callback_username: str
    callback_password: str
    type_names: dict[SignInMethod, str]
    application_id: str


class CodeLimits(NamedTuple):
    """Limits of a type whose code the customer enters in the shop. `attempts` is 0 without a limit."""

    attempts: int
    resends: int


class PortalError(Exception):
    """Error of a request to the server, with a message for the page and the error code of the API."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Portal:
    """Shop with one visitor. `visit` is replaced as a whole, so that it can be read without the lock."""

    def __init__(
        self, connection: ServerConnection, journal: Journal, limits: Callable[[SignInMethod], CodeLimits]
    ) -> None:
        self.connection = connection
        self._limits = limits
        self.visit = Visit()
        # The phone sends its device id at enrolment. The shop stores it with the customer.
        self.device_id = ""
        self._journal = journal
        self._next_poll_at = 0.0
        # Held while a sign-in starts, because a callback can arrive before the response with the transaction id.
        self._lock = threading.Lock()

    def sign_in(self, browser: str, method: SignInMethod) -> None:
        """Initiate an authentication of Anna (E3)."""
        with self._lock:
            if not self.visit.is_pending:
                self.visit = self._start(method, self._build_form(browser, method))

    def _build_form(self, browser: str, method: SignInMethod) -> dict[str, str]:
        form = {"type": self.connection.type_names[method]}
        if method == SignInMethod.SMS:
            return {**form, "user_id": USER_ID, "phone_number": NUMBER}
        # The device that scans the one-time password identifies the user.
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
            started = self._call("POST", "/oauth/api/v4/authenticate/user", form, _("initiate an authentication"))
        except PortalError as error:
            return Visit(Status.FAILED, str(error), method=method)
        limits = self._limits(method)
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
        """Send the code that Anna entered: that of an SMS (E5), or the one that her phone shows."""
        with self._lock:
            if self.visit.status != Status.ENTER_CODE:
                return
            parameter, last = ("code", "code") if self.visit.method == SignInMethod.CODE else ("sms_code", "sms")
            form = {"transaction_id": self.visit.transaction_id, parameter: code or "-"}
            path = f"/oauth/api/v4/authenticate/user/{quote(USER_ID)}/{last}"
            try:
                self._call("POST", path, form, _("the code is right"))
                self.visit = replace(self.visit, status=Status.SIGNED_IN, message="")
            except PortalError as error:
                self._handle_wrong_code(error)

    def _handle_wrong_code(self, error: PortalError) -> None:
        remaining = self.visit.attempts_left
        if error.code != WRONG_CODE:
            # The transaction has ended or the server is unavailable. The result contains the status.
            self._read_result()
            return
        remaining = None if remaining is None else max(0, remaining - 1)
        self.visit = replace(self.visit, attempts_left=remaining, message=_wrong_code_text(remaining))
        if remaining == 0:
            self._read_result()

    def resend(self) -> None:
        """Resend the code (E6). Raises PortalError if the server rejects the request."""
        with self._lock:
            if self.visit.status != Status.ENTER_CODE or self.visit.method != SignInMethod.SMS:
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
        """Return True if a callback has the configured credentials. The comparison takes constant time."""
        pair = f"{self.connection.callback_username}:{self.connection.callback_password}"
        expected = "Basic " + base64.b64encode(pair.encode()).decode()
        return hmac.compare_digest(authorization.encode(), expected.encode())

    def handle_callback(self, transaction_id: str) -> None:
        """Request the result (E4) of the current transaction. Ignore callbacks of other transactions."""
        with self._lock:
            if self._is_pending_transaction(transaction_id):
                self._journal.write(Actor.PORTAL, "POST /demo/callback → 204", _("callback received"))
                self._read_result()

    def poll(self) -> Visit:
        """Return the visit. After the expiry, request the result, because no callback is sent by default."""
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
            is_code = self.visit.method == SignInMethod.SMS or self.visit.attempts_left == 0
            text = _("Too many wrong codes.") if is_code else _("Too many wrong PINs.")
        self.visit = replace(self.visit, status=status, message=text if status == Status.FAILED else "")

    def leave(self) -> None:
        """Sign out, or cancel the pending transaction (E8)."""
        with self._lock:
            if self.visit.is_pending:
                path = f"/oauth/api/v4/authenticate/transaction/{self.visit.transaction_id}"
                # The transaction can have ended, and an unavailable server must not prevent leaving.
                with contextlib.suppress(PortalError):
                    self._call("DELETE", path, note=_("cancel the authentication"))
            # A customer who cancels a payment stays signed in.
            remains_signed_in = self.visit.is_pending and self.visit.method == SignInMethod.PAYMENT
            self.visit = Visit(Status.SIGNED_IN) if remains_signed_in else Visit()

    def create_enrollment_code(self) -> dict[str, Any]:
        """Create an enrolment code for Anna, and return it with its links."""
        return self._call(
            "POST",
            f"/oauth/api/v4/users/{quote(USER_ID)}/enrollment-codes",
            {"application_id": self.connection.application_id},
            _("get an enrolment code"),
        )

    def delete_device(self, device_id: str) -> None:
        """Delete a device of Anna, so that another one can get her pushes."""
        path = f"/oauth/api/v4/users/{quote(USER_ID)}/devices/{device_id}"
        self._call("DELETE", path, note=_("delete the other phone"))

    def _call(self, method: str, path: str, form: dict[str, str] | None = None, note: str = "") -> dict[str, Any]:
        """Send a request to the REST APIs with the credentials of the portal. Raises PortalError."""
        pair = f"{self.connection.client_id}:{self.connection.client_secret}"
        headers = {
            "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
            # Shop and server share a process, and an open connection would delay its shutdown.
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
            raise PortalError(_("The portal cannot reach the server: %(reason)s") % {"reason": error.reason}) from None
        content = _members(response.body)
        is_error = response.status >= 400
        error_text = _error_text(response.status, content) if is_error else note
        self._journal.write(Actor.PORTAL, f"{method} {path} → {response.status}", error_text, failed=is_error)
        if is_error:
            raise PortalError(error_text, str(content.get("error_code", "")))
        return content


# Statuses of E4. Any other status except a denial is a failure.
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
