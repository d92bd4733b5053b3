"""The running demo: one shop, one phone and one FCM in the web process, put together from what the set-up wrote."""

import math
import threading
import time
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from apps.demo import setup, store
from apps.demo.fcm import FakeFcm, Response
from apps.demo.journal import Actor, Journal
from apps.demo.other_devices import OtherDevices
from apps.demo.phone import Phone, PhoneError
from apps.demo.portal import Portal, PortalError, ServerConnection
from apps.demo.sms_inbox import NUMBER
from apps.demo.visit import SignInMethod, Status, Visit

# After a failed enrolment a later look of the page tries again, but not twice a second.
ENROLL_RETRY_SECONDS = 5.0
# Push and callback take some milliseconds each; after this long something is wrong with the worker.
WORKER_LATE_SECONDS = 5.0


class NotSetUp(Exception):
    """The demo cannot work as it stands; the text says what to do."""


class Demo:
    """What the page shows and what its buttons do. PortalError and PhoneError say in words what went wrong."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.journal = Journal()
        self.portal = Portal(_server_connection(settings), self.journal, setup.sms_limits)
        self.phone = Phone(settings["server"], setup.APPLICATION, self.journal, self._save)
        self.other_devices = OtherDevices()
        self.fcm = FakeFcm(settings["service_account"], deliver=self._deliver)
        # Only one thread changes who is enrolled; the page's looks do not wait for it.
        self._enrolling = threading.Lock()
        self._is_restored = False
        # When the phone enrols by itself: at the first look, and never after its user took the account off.
        self._enroll_at = 0.0
        self._problem = ""

    def _deliver(self, message: dict[str, Any]) -> None:
        """Ring the phone on the page, or list a push for another device."""
        if self.phone.is_own_token(message["token"]):
            self.phone.receive_push(message)
        else:
            self.other_devices.receive_push(message)

    def _save(self) -> None:
        store.write(store.STATE, {"phone": self.phone.dump(), "portal": {"device_id": self.portal.device_id}})

    def poll(self) -> dict[str, Any]:
        """Return everything that the page shows. The first look after a start enrols the phone if it is not."""
        self._prepare(wait=False)
        visit, screen = self.portal.poll(), self.phone.screen()
        return {
            "portal": {
                "status": visit.status.value,
                "method": visit.method.value,
                "message": visit.message,
                "phone_number": NUMBER,
                "attempts_left": visit.attempts_left,
                "resends_left": visit.resends_left,
                "number": visit.number,
                "ends_at": round(visit.ends_at * 1000),
                "worker_is_late": self._worker_is_late(screen["status"]),
            },
            "phone": {**screen, "problem": self._problem, "can_scan": self._can_scan(screen["status"])},
            "steps": self.journal.steps(),
            "other_devices": self.other_devices.messages(),
            "now": round(time.time() * 1000),
        }

    def _worker_is_late(self, screen: str) -> bool:
        """Say whether the portal waits although nothing rings and no text has come."""
        visit = self.portal.visit
        waits = visit.status in (Status.WAITING, Status.ENTER_CODE) and screen not in ("ringing", "sms")
        return waits and time.time() - visit.started_at > WORKER_LATE_SECONDS

    def _can_scan(self, screen: str) -> bool:
        """Say whether there is a code on the shop's page, and a phone with an account that could scan it."""
        return self.portal.visit.status == Status.SCAN and screen != "ringing" and bool(self.phone.device_id)

    def _prepare(self, *, wait: bool) -> None:
        """Be the phone of an earlier run again, or enrol a new one, when that is due; `wait` for who is at it."""
        if self._is_prepared() or not self._enrolling.acquire(blocking=wait):
            return
        try:
            if not self._is_prepared():
                self._initialize()
        except (PortalError, PhoneError) as error:
            self._problem = str(error)
            self._enroll_at = time.time() + ENROLL_RETRY_SECONDS
        finally:
            self._enrolling.release()

    def _is_prepared(self) -> bool:
        return time.time() < self._enroll_at and not store.is_reset_requested()

    def _initialize(self) -> None:
        self._restore()
        if store.consume_reset_request():
            self._reset()
        elif self.phone.device_id:
            self._enroll_at = math.inf
        else:
            self._enroll()
        self._problem = ""

    def _restore(self) -> None:
        if self._is_restored:
            return
        self._is_restored = True
        stored = store.read(store.STATE)
        try:
            self.portal.device_id = str(stored["portal"]["device_id"])
            self.phone.restore(stored["phone"])
        except (KeyError, TypeError):
            # Nothing kept, or nothing that this program wrote: a new phone.
            return

    def _enroll(self) -> None:
        self.phone.enroll(self.portal.enrollment_code())
        # The app tells the shop which device it is; the shop asks for exactly that one from now on.
        self.portal.device_id = self.phone.device_id
        self._enroll_at = math.inf
        self._save()

    def _reset(self) -> None:
        self.portal.leave()
        self.portal.visit = Visit()
        self.phone.unenroll()
        self.phone.inbox.clear()
        self.journal.clear()
        self.other_devices.clear()
        self._enroll()

    def sign_in(self, browser: str, method: SignInMethod | None) -> None:
        """Click "Sign in" at the shop, the last method when none is given.

        When the server finds nobody to ask, the phone finds out whether it is known.
        """
        self._prepare(wait=True)
        if not self.portal.visit.is_pending:
            self.phone.inbox.clear()
        self.portal.sign_in(browser, method or self.portal.visit.method)
        if self.portal.visit.status == Status.FAILED:
            self.phone.check()

    def leave(self) -> None:
        """Sign out or stop waiting at the shop; the phone learns that nothing waits any more."""
        was_pending = self.portal.visit.is_pending
        self.portal.leave()
        self.phone.inbox.clear()
        if was_pending:
            self.phone.check()

    def verify(self, code: str) -> None:
        """Type a code at the shop."""
        self.portal.verify(code)
        if self.portal.visit.status == Status.SIGNED_IN:
            self.phone.inbox.clear()

    def scan(self) -> None:
        """Point the phone's camera at the shop's page."""
        self.phone.scan(self.portal.visit.otp)

    def fcm_token(self, form: dict[str, str]) -> Response:
        """Be Google's token server."""
        response = self.fcm.exchange_token(form)
        self.journal.write(
            Actor.FCM, f"POST /token → {response[0]}", _("access token for FCM"), failed=response[0] >= 400
        )
        return response

    def fcm_send(self, authorization: str, body: dict[str, Any]) -> Response:
        """Be FCM. What it delivers is written down by the phone, or listed for the other devices."""
        response = self.fcm.send(authorization, body)
        if response[0] >= 400:
            self.journal.write(Actor.FCM, f"messages:send → {response[0]}", response[1]["error"]["status"], failed=True)
        return response

    def receive_sms(self, content: dict[str, Any]) -> bool:
        """Be the SMS gateway: for the phone on the page, or any other valid number; False if it is none."""
        return self.phone.receive_sms(content) or self.other_devices.receive_sms(content)

    def enroll(self) -> None:
        """Put Anna's account on the phone."""
        with self._enrolling:
            self._restore()
            if not self.phone.device_id:
                self._enroll()
            self._problem = ""

    def unenroll(self) -> None:
        """Take Anna's account off the phone."""
        with self._enrolling:
            self._restore()
            self.phone.unenroll()
            self._enroll_at = math.inf

    def reset(self) -> None:
        """Back to the start: nothing pending, nobody signed in, a newly enrolled phone, an empty journal."""
        with self._enrolling:
            self._restore()
            self._reset()
            self._problem = ""


def _server_connection(settings: dict[str, Any]) -> ServerConnection:
    return ServerConnection(
        server=settings["server"],
        client_id=setup.CLIENT_ID,
        client_secret=settings["client_secret"],
        callback_uri=setup.callback_uri(settings["server"]),
        callback_username=setup.CALLBACK_USERNAME,
        callback_password=settings["callback_password"],
        type_names=setup.TYPES,
        application_id=setup.APPLICATION,
    )


_creation_lock = threading.Lock()


def current() -> Demo:
    """Return this process's demo; NotSetUp says what to do when there is none."""
    with _creation_lock:
        return _current()


@lru_cache(maxsize=1)
def _current() -> Demo:
    settings = store.read(store.SETUP)
    if not settings.get("service_account"):
        raise NotSetUp(_("The demo is not set up. Run the command demo_setup, or start everything with make run."))
    if settings["server"] != setup.server():
        raise NotSetUp(
            _("The demo is set up for %(server)s. Run the command demo_setup with this PORT.")
            % {"server": settings["server"]}
        )
    return Demo(settings)


def reset_cache() -> None:
    """Let the next `current` read the set-up anew."""
    _current.cache_clear()
