"""The virtual phone: the device program with a screen. Pushes come in from FCM, the rest it asks the device API for."""

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from apps.demo.device import FINGERPRINT, AuthenticatorRevoked, DeviceApiError, Disconnected, InvalidPin
from apps.demo.journal import Actor, Journal
from apps.demo.logged_device import LoggedDevice, words, wrong_pin
from apps.demo.sms_inbox import Inbox

NAME = "Anna's phone"
# The page tells it to everybody: there is nobody else to play Anna.
PIN = "12345"
# What can approve, by the transaction's method: the first is asked for, the PIN is the way out.
ASKED_FOR = {"push_with_pin": ["pin"], "push_with_fingerprint": ["fingerprint", "pin"]}
# How long the phone shows what was answered before its home screen comes back.
RESULT_SECONDS = 6.0


class PhoneError(Exception):
    """The phone could not do what its user asked; the text is for people."""


@dataclass(frozen=True)
class Request:
    """A transaction that rings. `message` and `challenge` are empty until the sealed challenge is opened.

    `ends_at` in seconds since the epoch; `life_seconds` is the whole life, as far as the phone knows. `problem` says
    why it is not opened, `hint` what was wrong with the last approval.
    """

    transaction_id: str
    push_message: str
    ends_at: float
    life_seconds: int
    message: str = ""
    challenge: dict[str, Any] | None = None
    problem: str = ""
    hint: str = ""

    @property
    def asks_for(self) -> list[str]:
        return ASKED_FOR.get(self.challenge["type"]["method"], []) if self.challenge else []

    @property
    def number_digits(self) -> int:
        """How many digits the shop shows, which an approval has to carry."""
        return int((self.challenge or {}).get("number_matching_digits", 0))


@dataclass(frozen=True)
class Proof:
    """What the user does to approve: types a PIN, puts a finger on the phone, enters the number that the shop shows."""

    pin: str = ""
    has_finger: bool = False
    number: str = ""


class Phone:
    """Anna's phone. `save` is called whenever there is something new to remember."""

    def __init__(self, server: str, application_id: str, journal: Journal, save: Callable[[], None]) -> None:
        self._server = server
        self._application_id = application_id
        self._journal = journal
        self._save = save
        self.inbox = Inbox()
        self._device: LoggedDevice | None = None
        self._push_token = ""
        self._requests: dict[str, Request] = {}
        self._answering: set[str] = set()
        # What was answered last, and when.
        self._result = ("", 0.0)
        # The PIN was wrong too often: the phone says so until it is enrolled again.
        self._was_disconnected = False
        self._lock = threading.Lock()

    @property
    def device_id(self) -> str:
        return self._device.device_id if self._device else ""

    def remember(self, kept: dict[str, Any]) -> None:
        """Be the phone of an earlier run again; what rang meanwhile is asked for."""
        self._device = self._logged(LoggedDevice.load(json.dumps({**kept["device"], "server": self._server})))
        self._push_token = kept["push_token"]
        if self._device.pin_token is None:
            # From before phones had a PIN.
            with contextlib.suppress(DeviceApiError, OSError):
                self._set_up_authenticators(self._device)
                self._save()
        self._catch_up()

    def dump(self) -> dict[str, Any] | None:
        if self._device is None:
            return None
        return {"device": json.loads(self._device.dump()), "push_token": self._push_token}

    def _logged(self, device: LoggedDevice) -> LoggedDevice:
        device.journal = self._journal
        return device

    def _catch_up(self) -> None:
        for listed in self._listed():
            ends_at = listed["timestamp"] / 1000 + listed["time_to_live"]
            self._ring(Request(listed["transaction_id"], listed["message"], ends_at, listed["time_to_live"]))

    def check(self) -> None:
        """Do what an app does when it is opened: ask what is pending, and drop what no longer is."""
        listed = {one["transaction_id"] for one in self._listed()}
        with self._lock:
            for transaction_id in self._requests.keys() - listed:
                del self._requests[transaction_id]

    def _listed(self) -> list[dict[str, Any]]:
        """Ask what is pending; a server that no longer knows this phone makes it forget its account."""
        if self._device is None:
            return []
        try:
            return self._device.pending()
        except DeviceApiError as refusal:
            if refusal.status == 401:
                self._forget()
            return []
        except OSError:
            return []

    def enroll(self, code: str) -> None:
        """Enrol with a one-time code, for push too; PhoneError when the server refuses."""
        device, push_token = self._logged(LoggedDevice(self._server)), secrets.token_urlsafe(32)
        try:
            device.enroll(code, application_id=self._application_id, device_name=NAME, device_model="Virtual phone")
            device.enroll_push(push_token)
            self._set_up_authenticators(device)
        except (DeviceApiError, OSError) as error:
            raise PhoneError(words(error)) from error
        self._device, self._push_token = device, push_token
        self._was_disconnected = False
        self._save()

    def _set_up_authenticators(self, device: LoggedDevice) -> None:
        """Set the PIN and the fingerprint, unless an administrator has switched them off."""
        try:
            device.register_pin(PIN)
            device.register_fingerprint(pin=PIN)
        except DeviceApiError as refusal:
            if refusal.body.get("error") != "authenticator_not_enabled":
                raise

    def unenroll(self) -> None:
        """Deny what rings and take the account off the phone; a phone that the server forgot is done already."""
        if self._device is None:
            return
        try:
            for listed in self._device.pending():
                self._device.answer(self._device.fetch(listed["transaction_id"]), approve=False)
            self._device.unenroll()
        except DeviceApiError as refusal:
            if refusal.status != 401:
                raise PhoneError(words(refusal)) from refusal
        except OSError as error:
            raise PhoneError(words(error)) from error
        self._forget()

    def _forget(self) -> None:
        self._device, self._push_token, self._result = None, "", ("", 0.0)
        self._requests.clear()
        self._save()

    def knows(self, push_token: str) -> bool:
        """Say whether a push token is this phone's."""
        return bool(push_token) and push_token == self._push_token

    def take_push(self, message: dict[str, Any]) -> None:
        """A push of FCM arrives: ring, and fetch the challenge as an app that is woken does."""
        content = json.loads(message["data"]["content"])
        seconds = int(message.get("android", {}).get("ttl", "60s").removesuffix("s"))
        self._journal.write(Actor.FCM, "messages:send → 200", _("push delivered by FCM; the phone rings"))
        self._ring(Request(content["og_transaction_id"], content["og_message"], time.time() + seconds, seconds))

    def take_text(self, content: dict[str, Any]) -> bool:
        """A text message arrives; False when it is for another number."""
        is_ours = self.inbox.take(content)
        if is_ours:
            self._journal.write(Actor.SMS, "POST /demo/sms → 204", _("text message delivered by the gateway"))
        return is_ours

    def scan(self, otp: str) -> None:
        """Scan a one-time password from a screen and show its challenge; PhoneError when the server refuses."""
        if self._device is None:
            raise PhoneError(_("There is no account on this phone."))
        try:
            challenge = self._device.claim_otp(otp)
        except (DeviceApiError, OSError, ValueError) as error:
            raise PhoneError(words(error)) from error
        life_seconds = challenge["time_to_live"]
        request = Request(challenge["transaction_id"], "", challenge["timestamp"] / 1000 + life_seconds, life_seconds)
        with self._lock:
            self._requests[request.transaction_id] = replace(request, message=challenge["message"], challenge=challenge)
            self._result = ("", 0.0)

    def _ring(self, request: Request) -> None:
        with self._lock:
            # FCM may deliver a push twice.
            if request.transaction_id in self._requests:
                return
            self._requests[request.transaction_id] = request
            self._result = ("", 0.0)
        threading.Thread(target=self._open, args=(request,), name="phone opens a challenge", daemon=True).start()

    def _open(self, request: Request) -> Request | None:
        """Fetch and open the challenge; None when the transaction is no longer open."""
        opened = self._fetched(request)
        with self._lock:
            if opened is None:
                self._requests.pop(request.transaction_id, None)
            elif request.transaction_id in self._requests:
                self._requests[request.transaction_id] = opened
        return opened

    def _fetched(self, request: Request) -> Request | None:
        if self._device is None:
            return None
        try:
            challenge = self._device.fetch(request.transaction_id)
        except DeviceApiError as refusal:
            return None if refusal.status in (401, 404) else replace(request, problem=words(refusal))
        except (OSError, ValueError) as error:
            return replace(request, problem=words(error))
        life_seconds = challenge["time_to_live"]
        return replace(
            request,
            message=challenge["message"],
            challenge=challenge,
            ends_at=challenge["timestamp"] / 1000 + life_seconds,
            life_seconds=life_seconds,
            problem="",
        )

    def answer(self, transaction_id: str, proof: Proof, *, approve: bool) -> None:
        """Approve or deny; PhoneError when it is no longer open or the server refuses.

        After a wrong PIN with attempts left it goes on ringing, with a hint.
        """
        request = self._requests.get(transaction_id)
        if request and request.challenge is None:
            request = self._open(request)
        if request is None or self._device is None or request.challenge is None:
            raise PhoneError((request and request.problem) or _("This request is no longer open."))
        authenticator = FINGERPRINT if proof.has_finger and self._has_fingerprint else ""
        if approve and request.asks_for and not (proof.pin or authenticator):
            raise PhoneError(_("Enter the PIN first."))
        if approve and request.number_digits and not proof.number:
            raise PhoneError(_("Enter the number that the shop shows first."))
        with self._lock:
            # The second of two clicks finds nothing to do. Until the server has judged, the phone goes on ringing.
            if transaction_id in self._answering:
                return
            self._answering.add(transaction_id)
        try:
            self._send(request, replace(proof, has_finger=bool(authenticator)), approve=approve)
        finally:
            self._answering.discard(transaction_id)

    @property
    def _has_fingerprint(self) -> bool:
        return self._device is not None and FINGERPRINT in self._device.secure_store.tokens

    def _send(self, request: Request, proof: Proof, *, approve: bool) -> None:
        if self._device is None or request.challenge is None:
            return
        try:
            status = self._device.answer(
                request.challenge,
                approve=approve,
                pin=proof.pin,
                authenticator=FINGERPRINT if proof.has_finger else "",
                number=proof.number,
            )
            # An approval with a wrong number is none.
            self._end(request.transaction_id, "approved" if status == "authenticated" else "denied")
        except InvalidPin as wrong:
            self._ask_again(request, wrong_pin(wrong))
        except AuthenticatorRevoked:
            self._save()
            self._ask_again(request, _("The fingerprint is not accepted any more. Use the PIN."))
        except Disconnected:
            self._forget()
            self._was_disconnected = True
        except DeviceApiError as refusal:
            self._end(request.transaction_id, "")
            raise PhoneError(words(refusal)) from refusal
        except OSError as error:
            raise PhoneError(words(error)) from error

    def _ask_again(self, request: Request, hint: str) -> None:
        with self._lock:
            if request.transaction_id in self._requests:
                self._requests[request.transaction_id] = replace(request, hint=hint)

    def _end(self, transaction_id: str, result: str) -> None:
        with self._lock:
            self._requests.pop(transaction_id, None)
            self._result = (result, time.time())

    def screen(self) -> dict[str, Any]:
        """Return what the phone shows: `status`, `request` (what rings) and `texts`.

        The status is not_enrolled, disconnected, ready, text, ringing, approved, denied or missed.
        """
        texts, request = self.inbox.shown(), self._ringing()
        if request is not None:
            shown = _shown(request, has_fingerprint=self._has_fingerprint)
            return {"status": "ringing", "request": shown, "texts": texts}
        result, since = self._result
        if result and time.time() - since < RESULT_SECONDS:
            status = result
        elif texts:
            status = "text"
        else:
            status = "ready" if self._device else "disconnected" if self._was_disconnected else "not_enrolled"
        return {"status": status, "request": None, "texts": texts}

    def _ringing(self) -> Request | None:
        """Return the oldest request that is still alive, and drop those that are not."""
        now = time.time()
        with self._lock:
            for request in [request for request in self._requests.values() if request.ends_at <= now]:
                del self._requests[request.transaction_id]
                self._result = ("missed", now)
            return next(iter(self._requests.values()), None)


def _shown(request: Request, *, has_fingerprint: bool) -> dict[str, Any]:
    return {
        "transaction_id": request.transaction_id,
        "push_message": request.push_message,
        "message": request.message,
        "problem": request.problem,
        "hint": request.hint,
        "asks_for": [kind for kind in request.asks_for if kind != FINGERPRINT or has_fingerprint],
        "number_digits": request.number_digits,
        "signing_data": (request.challenge or {}).get("signing_data", ""),
        "ends_at": round(request.ends_at * 1000),
        "life_seconds": request.life_seconds,
    }
