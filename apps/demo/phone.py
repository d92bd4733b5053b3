"""Virtual phone: the reference device with a screen. It receives pushes of the fake FCM and calls the device API."""

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from apps.demo.device import FINGERPRINT, AuthenticatorRevoked, DeviceApiError, Disconnected, InvalidPin, KeyKind
from apps.demo.journal import Actor, Journal
from apps.demo.logged_device import LoggedDevice, error_text, invalid_pin_text
from apps.demo.sms_inbox import SmsInbox

NAME = "Anna's phone"
# The page displays the PIN, because the visitor plays Anna.
PIN = "12345"
# Credentials that can approve, by method. The first one is requested; the PIN is the alternative.
CREDENTIALS_BY_METHOD = {"push_with_pin": ["pin"], "push_with_fingerprint": ["fingerprint", "pin"]}
# Time for which the phone displays the result before its home screen.
RESULT_SECONDS = 6.0


class PhoneError(Exception):
    """Error of the phone with a message for the page."""


@dataclass(frozen=True)
class Request:
    """Transaction on the screen. `message` and `challenge` are empty until the sealed challenge is opened.

    `ends_at` is in seconds since the epoch. `problem` explains why the challenge cannot be opened, `hint` why the last
    approval failed. `code` is the code of a type with `code_to_phone`, after the credential has unlocked it.
    """

    transaction_id: str
    push_message: str
    ends_at: float
    lifetime_seconds: int
    message: str = ""
    challenge: dict[str, Any] | None = None
    problem: str = ""
    hint: str = ""
    code: str = ""

    @property
    def has_code(self) -> bool:
        """Return True if the user enters a code in the shop, instead of an approval on the phone."""
        return bool(self.challenge and self.challenge["type"].get("code_to_phone"))

    @property
    def required_credentials(self) -> list[str]:
        return CREDENTIALS_BY_METHOD.get(self.challenge["type"]["method"], []) if self.challenge else []

    @property
    def number_digits(self) -> int:
        """Number of digits that an approval must contain (number matching)."""
        return int((self.challenge or {}).get("number_matching_digits", 0))


@dataclass(frozen=True)
class ApprovalInput:
    """Input of the user for an approval: PIN, fingerprint, and the verification number of the shop."""

    pin: str = ""
    uses_fingerprint: bool = False
    number: str = ""


class Phone:
    """Phone of Anna. `save` is called after each change of its stored state."""

    def __init__(self, server: str, application_id: str, journal: Journal, save: Callable[[], None]) -> None:
        self._server = server
        self._application_id = application_id
        self._journal = journal
        self._save = save
        self.inbox = SmsInbox()
        self._device: LoggedDevice | None = None
        self._push_token = ""
        self._requests: dict[str, Request] = {}
        self._in_progress: set[str] = set()
        # Last result and its time.
        self._result = ("", 0.0)
        # Set after too many wrong PINs, until the phone is enrolled again.
        self._is_disconnected = False
        self._lock = threading.Lock()

    @property
    def device_id(self) -> str:
        return self._device.device_id if self._device else ""

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore the phone of an earlier run and load its pending transactions."""
        self._device = self._with_journal(LoggedDevice.load(json.dumps({**stored["device"], "server": self._server})))
        self._push_token = stored["push_token"]
        if self._device.pin_token is None:
            # Stored by a version without PINs.
            with contextlib.suppress(DeviceApiError, OSError):
                self._set_up_authenticators(self._device)
                self._save()
        self._load_pending()

    def dump(self) -> dict[str, Any] | None:
        if self._device is None:
            return None
        return {"device": json.loads(self._device.dump()), "push_token": self._push_token}

    def _with_journal(self, device: LoggedDevice) -> LoggedDevice:
        device.journal = self._journal
        return device

    def _load_pending(self) -> None:
        for transaction in self._fetch_pending():
            ends_at = transaction["timestamp"] / 1000 + transaction["time_to_live"]
            self._add_request(
                Request(transaction["transaction_id"], transaction["message"], ends_at, transaction["time_to_live"])
            )

    def check(self) -> None:
        """Remove transactions that are no longer pending, as an app does when it is opened."""
        pending_ids = {transaction["transaction_id"] for transaction in self._fetch_pending()}
        with self._lock:
            for transaction_id in self._requests.keys() - pending_ids:
                del self._requests[transaction_id]

    def _fetch_pending(self) -> list[dict[str, Any]]:
        """Return the pending transactions. If the server no longer knows the phone, reset its account."""
        if self._device is None:
            return []
        try:
            return self._device.pending()
        except DeviceApiError as error:
            if error.status == 401:
                self._reset()
            return []
        except OSError:
            return []

    def enroll(self, code: str, kind: KeyKind) -> None:
        """Enrol with an enrolment code, also for push. Raises PhoneError if the server rejects it."""
        device, push_token = self._with_journal(LoggedDevice(self._server, kind=kind)), secrets.token_urlsafe(32)
        try:
            device.enroll(code, application_id=self._application_id, device_name=NAME, device_model="Virtual phone")
            device.enroll_push(push_token)
            self._set_up_authenticators(device)
        except (DeviceApiError, OSError) as error:
            raise PhoneError(error_text(error)) from error
        self._device, self._push_token = device, push_token
        self._is_disconnected = False
        self._save()

    def _set_up_authenticators(self, device: LoggedDevice) -> None:
        """Register the PIN and the fingerprint, unless an administrator has disabled them."""
        try:
            device.register_pin(PIN)
            device.register_fingerprint(pin=PIN)
        except DeviceApiError as error:
            if error.body.get("error") != "authenticator_not_enabled":
                raise

    def unenroll(self) -> None:
        """Deny pending transactions and remove the account, also if the server no longer knows the phone."""
        if self._device is None:
            return
        try:
            for transaction in self._device.pending():
                self._device.answer(self._device.fetch(transaction["transaction_id"]), approve=False)
            self._device.unenroll()
        except DeviceApiError as error:
            if error.status != 401:
                raise PhoneError(error_text(error)) from error
        except OSError as error:
            raise PhoneError(error_text(error)) from error
        self._reset()

    def _reset(self) -> None:
        self._device, self._push_token, self._result = None, "", ("", 0.0)
        self._requests.clear()
        self._save()

    def is_own_token(self, push_token: str) -> bool:
        """Return True if a push token is the token of this phone."""
        return bool(push_token) and push_token == self._push_token

    def receive_push(self, message: dict[str, Any]) -> None:
        """Receive a push of FCM: display the transaction and fetch its challenge."""
        content = json.loads(message["data"]["content"])
        seconds = int(message.get("android", {}).get("ttl", "60s").removesuffix("s"))
        self._journal.write(Actor.FCM, "messages:send → 200", _("push delivered by FCM; the phone rings"))
        self._add_request(Request(content["og_transaction_id"], content["og_message"], time.time() + seconds, seconds))

    def receive_sms(self, content: dict[str, Any]) -> bool:
        """Receive an SMS. Return False if it is for another number."""
        is_own = self.inbox.receive(content)
        if is_own:
            self._journal.write(Actor.SMS, "POST /demo/sms → 204", _("text message delivered by the gateway"))
        return is_own

    def scan(self, otp: str) -> None:
        """Scan a one-time password and display its challenge. Raises PhoneError if the server rejects it."""
        if self._device is None:
            raise PhoneError(_("There is no account on this phone."))
        try:
            challenge = self._device.claim_otp(otp)
        except (DeviceApiError, OSError, ValueError) as error:
            raise PhoneError(error_text(error)) from error
        lifetime = challenge["time_to_live"]
        request = Request(challenge["transaction_id"], "", challenge["timestamp"] / 1000 + lifetime, lifetime)
        with self._lock:
            self._requests[request.transaction_id] = replace(request, message=challenge["message"], challenge=challenge)
            self._result = ("", 0.0)

    def _add_request(self, request: Request) -> None:
        with self._lock:
            # FCM may deliver a push twice.
            if request.transaction_id in self._requests:
                return
            self._requests[request.transaction_id] = request
            self._result = ("", 0.0)
        threading.Thread(target=self._load_challenge, args=(request,), name="load challenge", daemon=True).start()

    def _load_challenge(self, request: Request) -> Request | None:
        """Fetch and open the challenge. Return None if the transaction has ended."""
        updated = self._fetch_challenge(request)
        with self._lock:
            if updated is None:
                self._requests.pop(request.transaction_id, None)
            elif request.transaction_id in self._requests:
                self._requests[request.transaction_id] = updated
        return updated

    def _fetch_challenge(self, request: Request) -> Request | None:
        if self._device is None:
            return None
        try:
            challenge = self._device.fetch(request.transaction_id)
        except DeviceApiError as error:
            return None if error.status in (401, 404) else replace(request, problem=error_text(error))
        except (OSError, ValueError) as error:
            return replace(request, problem=error_text(error))
        lifetime = challenge["time_to_live"]
        return replace(
            request,
            message=challenge["message"],
            challenge=challenge,
            ends_at=challenge["timestamp"] / 1000 + lifetime,
            lifetime_seconds=lifetime,
            problem="",
        )

    def answer(self, transaction_id: str, approval: ApprovalInput, *, approve: bool) -> None:
        """Approve or deny a transaction. Raises PhoneError if it has ended or the server rejects the answer.

        After a wrong PIN with remaining attempts, the transaction stays on the screen with a hint.
        """
        request = self._requests.get(transaction_id)
        if request and request.challenge is None:
            request = self._load_challenge(request)
        if request is None or self._device is None or request.challenge is None:
            raise PhoneError((request and request.problem) or _("This request is no longer open."))
        authenticator = FINGERPRINT if approval.uses_fingerprint and self._has_fingerprint else ""
        if approve and request.required_credentials and not (approval.pin or authenticator):
            raise PhoneError(_("Enter the PIN first."))
        if approve and request.number_digits and not approval.number:
            raise PhoneError(_("Enter the number that the shop shows first."))
        with self._lock:
            # A second click has no effect. The transaction stays on the screen until the server responds.
            if transaction_id in self._in_progress:
                return
            self._in_progress.add(transaction_id)
        try:
            self._send(request, replace(approval, uses_fingerprint=bool(authenticator)), approve=approve)
        finally:
            self._in_progress.discard(transaction_id)

    @property
    def _has_fingerprint(self) -> bool:
        return self._device is not None and FINGERPRINT in self._device.secure_store.tokens

    def _send(self, request: Request, approval: ApprovalInput, *, approve: bool) -> None:
        if self._device is None or request.challenge is None:
            return
        authenticator = FINGERPRINT if approval.uses_fingerprint else ""
        try:
            if approve and request.has_code:
                code = self._device.fetch_code(request.challenge, pin=approval.pin, authenticator=authenticator)
                self._update(request, code=code, hint="")
                return
            status = self._device.answer(
                request.challenge,
                approve=approve,
                pin=approval.pin,
                authenticator=authenticator,
                number=approval.number,
            )
            # The server counts an approval with a wrong number as a denial.
            self._finish(request.transaction_id, "approved" if status == "authenticated" else "denied")
        except InvalidPin as error:
            self._update(request, hint=invalid_pin_text(error))
        except AuthenticatorRevoked:
            self._save()
            self._update(request, hint=_("The fingerprint is no longer accepted. Use the PIN."))
        except Disconnected:
            self._reset()
            self._is_disconnected = True
        except DeviceApiError as error:
            self._finish(request.transaction_id, "")
            raise PhoneError(error_text(error)) from error
        except OSError as error:
            raise PhoneError(error_text(error)) from error

    def _update(self, request: Request, **changes: Any) -> None:
        with self._lock:
            if request.transaction_id in self._requests:
                self._requests[request.transaction_id] = replace(request, **changes)

    def _finish(self, transaction_id: str, result: str) -> None:
        with self._lock:
            self._requests.pop(transaction_id, None)
            self._result = (result, time.time())

    def screen(self) -> dict[str, Any]:
        """Return the state of the screen: `status`, `request` (the displayed one), `messages` (SMS), `key_name`.

        The status is not_enrolled, disconnected, ready, sms, ringing, approved, denied or missed.
        """
        messages, request = self.inbox.recent(), self._current_request()
        if request is not None:
            state = _request_state(request, has_fingerprint=self._has_fingerprint)
            return {"status": "ringing", "request": state, "messages": messages, "key_name": self._key_name}
        result, since = self._result
        if result and time.time() - since < RESULT_SECONDS:
            status = result
        elif messages:
            status = "sms"
        else:
            status = "ready" if self._device else "disconnected" if self._is_disconnected else "not_enrolled"
        return {"status": status, "request": None, "messages": messages, "key_name": self._key_name}

    @property
    def _key_name(self) -> str:
        return self._device.key_name if self._device else ""

    def _current_request(self) -> Request | None:
        """Return the oldest pending request, and remove expired ones."""
        now = time.time()
        with self._lock:
            for request in [request for request in self._requests.values() if request.ends_at <= now]:
                del self._requests[request.transaction_id]
                self._result = ("missed", now)
            return next(iter(self._requests.values()), None)


def _request_state(request: Request, *, has_fingerprint: bool) -> dict[str, Any]:
    credentials = [kind for kind in request.required_credentials if kind != FINGERPRINT or has_fingerprint]
    return {
        "transaction_id": request.transaction_id,
        "push_message": request.push_message,
        "message": request.message,
        "problem": request.problem,
        "hint": request.hint,
        "required_credentials": credentials,
        "number_digits": request.number_digits,
        "has_code": request.has_code,
        "code": request.code or (request.challenge or {}).get("code", ""),
        "signing_data": (request.challenge or {}).get("signing_data", ""),
        "ends_at": round(request.ends_at * 1000),
        "lifetime_seconds": request.lifetime_seconds,
    }
