"""Controller of the demo: a portal, a device and a fake FCM in the web process, created from the set-up file."""

import math
import threading
import time
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from apps.demo import setup, store
from apps.demo.device import KEY_KINDS, KeyKind
from apps.demo.fcm import FakeFcm, Response
from apps.demo.journal import Actor, Journal
from apps.demo.other_devices import OtherDevices
from apps.demo.phone import Phone, PhoneError
from apps.demo.portal import Portal, PortalError, ServerConnection
from apps.demo.sms_inbox import NUMBER
from apps.demo.visit import SignInMethod, Status, Visit

DEFAULT_KIND = next(iter(KEY_KINDS.values()))
# Pause between enrolment attempts, because the page polls twice a second.
ENROLL_RETRY_SECONDS = 5.0
# Push and callback take milliseconds. After this time, the page reports that the worker may not be running.
WORKER_LATE_SECONDS = 5.0


class NotSetUp(Exception):
    """The demo is not configured. The text describes the fix."""


class Demo:
    """State of the page and actions of its buttons. Raises PortalError or PhoneError with a message for the page."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.journal = Journal()
        self.portal = Portal(_server_connection(settings), self.journal, setup.code_limits)
        self.phone = Phone(settings["server"], setup.APPLICATION, self.journal, self._save)
        self.other_devices = OtherDevices()
        self.fcm = FakeFcm(settings["service_account"], deliver=self._deliver)
        # One thread at a time changes the enrolment. Polls of the page do not wait for it.
        self._enrolling = threading.Lock()
        self._is_restored = False
        # Whether the browser of the visitor is the phone, instead of the one on the page.
        self.uses_browser = False
        # Time of the automatic enrolment: at the first poll, and never after the user removed the account.
        self._enroll_at = 0.0
        self._problem = ""

    def _deliver(self, message: dict[str, Any]) -> None:
        """Deliver a push to the phone on the page, or list it for another device."""
        if self.phone.is_own_token(message["token"]):
            self.phone.receive_push(message)
        else:
            self.other_devices.receive_push(message)

    def _save(self) -> None:
        state = {
            "phone": self.phone.dump(),
            "portal": {"device_id": self.portal.device_id},
            "uses_browser": self.uses_browser,
        }
        store.write(store.STATE, state)

    def poll(self) -> dict[str, Any]:
        """Return the state of the page. The first poll after a start enrols the phone if necessary."""
        self._prepare(wait=False)
        browser = self._find_browser()
        visit, screen = self.portal.poll(), self.phone.screen()
        if self.uses_browser and screen["status"] == "not_enrolled":
            screen["status"] = "browser"
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
            "phone": {
                **screen,
                "problem": self._problem,
                "can_scan": self._can_scan(screen["status"]),
                **browser,
            },
            "steps": self.journal.steps(),
            "other_devices": self.other_devices.messages(),
            "now": round(time.time() * 1000),
        }

    def _find_browser(self) -> dict[str, Any]:
        """Return the name of the browser that is the phone, empty before its enrolment, and whether it gets pushes.

        The web phone knows nothing of the shop, so the shop looks for the device of its customer.
        """
        profile = setup.browser_profile() if self.uses_browser else None
        if self.uses_browser:
            self.portal.device_id = profile.device.device_id if profile else ""
        has_push = hasattr(profile, "push_enrollment")
        return {"browser": profile.device.name if profile else "", "browser_has_push": has_push}

    def _worker_is_late(self, screen: str) -> bool:
        """Return True if the portal is waiting but no push or SMS has arrived in time."""
        visit = self.portal.visit
        waits = visit.status in (Status.WAITING, Status.ENTER_CODE) and screen not in ("ringing", "sms")
        return waits and time.time() - visit.started_at > WORKER_LATE_SECONDS

    def _can_scan(self, screen: str) -> bool:
        """Return True if the shop displays a code and the phone is enrolled to scan it."""
        return self.portal.visit.status == Status.SCAN and screen != "ringing" and bool(self.phone.device_id)

    def _prepare(self, *, wait: bool) -> None:
        """Restore the phone of an earlier run or enrol a new one, if due. `wait` for another thread that does so."""
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
        elif self.phone.device_id or self.uses_browser:
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
            self.uses_browser = bool(stored.get("uses_browser"))
            self.portal.device_id = str(stored["portal"]["device_id"])
            self.phone.restore(stored["phone"])
        except (KeyError, TypeError):
            # Without a valid stored state, a new phone is enrolled.
            return

    def _enroll(self, kind: KeyKind = DEFAULT_KIND) -> None:
        self._delete_browser()
        self.uses_browser = False
        self.phone.enroll(str(self.portal.create_enrollment_code()["enrollment_code"]), kind)
        # The app sends its device id to the shop, which uses it in all further requests.
        self.portal.device_id = self.phone.device_id
        self._enroll_at = math.inf
        self._save()

    def _delete_browser(self) -> None:
        if self.uses_browser and (profile := setup.browser_profile()):
            self.portal.delete_device(profile.device.device_id)

    def _reset(self) -> None:
        self.portal.leave()
        self.portal.visit = Visit()
        self.phone.unenroll()
        self.phone.inbox.clear()
        self.journal.clear()
        self.other_devices.clear()
        self._enroll()

    def sign_in(self, browser: str, method: SignInMethod | None) -> None:
        """Sign in at the shop, with the last method by default.

        If the sign-in fails, the phone checks whether the server still knows it.
        """
        self._prepare(wait=True)
        if not self.portal.visit.is_pending:
            self.phone.inbox.clear()
        self.portal.sign_in(browser, method or self.portal.visit.method)
        if self.portal.visit.status == Status.FAILED:
            self.phone.check()

    def leave(self) -> None:
        """Sign out at the shop or cancel the sign-in. The phone then removes the cancelled transaction."""
        was_pending = self.portal.visit.is_pending
        self.portal.leave()
        self.phone.inbox.clear()
        if was_pending:
            self.phone.check()

    def verify(self, code: str) -> None:
        """Enter a verification code at the shop. The phone removes the transaction that has ended with it."""
        self.portal.verify(code)
        if not self.portal.visit.is_pending:
            self.phone.check()
        if self.portal.visit.status == Status.SIGNED_IN:
            self.phone.inbox.clear()

    def scan(self) -> None:
        """Scan the one-time password on the page of the shop."""
        self.phone.scan(self.portal.visit.otp)

    def fcm_token(self, form: dict[str, str]) -> Response:
        """Handle a request to the fake token endpoint of Google."""
        response = self.fcm.exchange_token(form)
        self.journal.write(
            Actor.FCM, f"POST /token → {response[0]}", _("access token for FCM"), failed=response[0] >= 400
        )
        return response

    def fcm_send(self, authorization: str, body: dict[str, Any]) -> Response:
        """Handle a push to the fake FCM. The phone or the list of other devices records the delivery."""
        response = self.fcm.send(authorization, body)
        if response[0] >= 400:
            self.journal.write(Actor.FCM, f"messages:send → {response[0]}", response[1]["error"]["status"], failed=True)
        return response

    def receive_sms(self, content: dict[str, Any]) -> bool:
        """Receive an SMS for the phone or for another number. Return False if the number is not valid."""
        return self.phone.receive_sms(content) or self.other_devices.receive_sms(content)

    def enroll(self, kind: KeyKind) -> None:
        """Enrol Anna on the phone with keys of a kind."""
        with self._enrolling:
            self._restore()
            if not self.phone.device_id:
                self._enroll(kind)
            self._problem = ""

    def use_browser(self) -> str:
        """Make a browser the phone of Anna, and return the link with which it enrols.

        The phone on the page is removed: a user has one phone for pushes.
        """
        with self._enrolling:
            self._restore()
            self.phone.unenroll()
            self._delete_browser()
            self._enroll_at = math.inf
            link = str(self.portal.create_enrollment_code()["web_enrollment_uri"])
            self.uses_browser, self._problem = True, ""
            self._save()
            return link

    def unenroll(self) -> None:
        """Remove Anna from the phone."""
        with self._enrolling:
            self._restore()
            self.phone.unenroll()
            self._enroll_at = math.inf

    def reset(self) -> None:
        """Reset the demo: no transaction, no session, a newly enrolled phone and an empty journal."""
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
    """Return the demo of this process. Raises NotSetUp if it is not configured."""
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
    """Discard the demo, so that the next `current` reads the set-up file again."""
    _current.cache_clear()
