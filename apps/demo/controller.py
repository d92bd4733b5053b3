"""The running demo: one shop, one phone and one FCM in the web process, put together from what the set-up wrote."""

import math
import threading
import time
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from apps.demo import setup, store
from apps.demo.fcm import Answer, FcmStandIn
from apps.demo.journal import Actor, Journal
from apps.demo.others import OtherDevices
from apps.demo.phone import Phone, PhoneError
from apps.demo.portal import Access, Portal, PortalError
from apps.demo.sms_inbox import NUMBER
from apps.demo.visit import Status, Visit, Way

# After a failed enrolment a later look of the page tries again, but not twice a second.
ENROLL_AGAIN_SECONDS = 5.0
# Push and callback take some milliseconds each; after this long something is wrong with the worker.
WORKER_IS_LATE_SECONDS = 5.0


class NotSetUp(Exception):
    """The demo cannot work as it stands; the text says what to do."""


class Demo:
    """What the page shows and what its buttons do. PortalError and PhoneError say in words what went wrong."""

    def __init__(self, configured: dict[str, Any]) -> None:
        self.journal = Journal()
        self.portal = Portal(_access(configured), self.journal, setup.sms_limits)
        self.phone = Phone(configured["server"], setup.APPLICATION, self.journal, self._save)
        self.others = OtherDevices()
        self.fcm = FcmStandIn(configured["service_account"], deliver=self._deliver)
        # Only one thread changes who is enrolled; the page's looks do not wait for it.
        self._enrolling = threading.Lock()
        self._recalled = False
        # When the phone enrols by itself: at the first look, and never after its user took the account off.
        self._enroll_at = 0.0
        self._problem = ""

    def _deliver(self, message: dict[str, Any]) -> None:
        """Ring the phone on the page, or list a push for another device."""
        if self.phone.knows(message["token"]):
            self.phone.take_push(message)
        else:
            self.others.take_push(message)

    def _save(self) -> None:
        store.write(store.LIVE, {"phone": self.phone.dump(), "portal": {"device_id": self.portal.device_id}})

    def look(self) -> dict[str, Any]:
        """Return everything that the page shows. The first look after a start enrols the phone if it is not."""
        self._prepare(wait=False)
        visit, screen = self.portal.look(), self.phone.screen()
        return {
            "portal": {
                "status": visit.status.value,
                "way": visit.way.value,
                "text": visit.text,
                "phone_number": NUMBER,
                "attempts_left": visit.attempts_left,
                "resends_left": visit.resends_left,
                "number": visit.number,
                "ends_at": round(visit.ends_at * 1000),
                "worker_is_late": self._worker_is_late(screen["status"]),
            },
            "phone": {**screen, "problem": self._problem, "can_scan": self._can_scan(screen["status"])},
            "steps": self.journal.steps(),
            "others": self.others.shown(),
            "now": round(time.time() * 1000),
        }

    def _worker_is_late(self, screen: str) -> bool:
        """Say whether the portal waits although nothing rings and no text has come."""
        visit = self.portal.visit
        waits = visit.status in (Status.WAITING, Status.ENTER_CODE) and screen not in ("ringing", "text")
        return waits and time.time() - visit.started_at > WORKER_IS_LATE_SECONDS

    def _can_scan(self, screen: str) -> bool:
        """Say whether there is a code on the shop's page, and a phone with an account that could scan it."""
        return self.portal.visit.status == Status.SCAN and screen != "ringing" and bool(self.phone.device_id)

    def _prepare(self, *, wait: bool) -> None:
        """Be the phone of an earlier run again, or enrol a new one, when that is due; `wait` for who is at it."""
        if self._is_prepared() or not self._enrolling.acquire(blocking=wait):
            return
        try:
            if not self._is_prepared():
                self._settle()
        except (PortalError, PhoneError) as error:
            self._problem = str(error)
            self._enroll_at = time.time() + ENROLL_AGAIN_SECONDS
        finally:
            self._enrolling.release()

    def _is_prepared(self) -> bool:
        return time.time() < self._enroll_at and not store.reset_is_wished()

    def _settle(self) -> None:
        self._recall()
        if store.take_reset_wish():
            self._start_over()
        elif self.phone.device_id:
            self._enroll_at = math.inf
        else:
            self._enroll()
        self._problem = ""

    def _recall(self) -> None:
        if self._recalled:
            return
        self._recalled = True
        kept = store.read(store.LIVE)
        try:
            self.portal.device_id = str(kept["portal"]["device_id"])
            self.phone.remember(kept["phone"])
        except (KeyError, TypeError):
            # Nothing kept, or nothing that this program wrote: a new phone.
            return

    def _enroll(self) -> None:
        self.phone.enroll(self.portal.enrollment_code())
        # The app tells the shop which device it is; the shop asks for exactly that one from now on.
        self.portal.device_id = self.phone.device_id
        self._enroll_at = math.inf
        self._save()

    def _start_over(self) -> None:
        self.portal.leave()
        self.portal.visit = Visit()
        self.phone.unenroll()
        self.phone.inbox.clear()
        self.journal.clear()
        self.others.clear()
        self._enroll()

    def sign_in(self, browser: str, way: Way | None) -> None:
        """Click "Sign in" at the shop, the last way when none is given.

        When the server finds nobody to ask, the phone finds out whether it is known.
        """
        self._prepare(wait=True)
        if not self.portal.visit.is_pending:
            self.phone.inbox.clear()
        self.portal.sign_in(browser, way or self.portal.visit.way)
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

    def fcm_token(self, form: dict[str, str]) -> Answer:
        """Be Google's token server."""
        answer = self.fcm.token(form)
        self.journal.write(Actor.FCM, f"POST /token → {answer[0]}", _("access token for FCM"), failed=answer[0] >= 400)
        return answer

    def fcm_send(self, authorization: str, body: dict[str, Any]) -> Answer:
        """Be FCM. What it delivers is written down by the phone, or listed for the other devices."""
        answer = self.fcm.send(authorization, body)
        if answer[0] >= 400:
            self.journal.write(Actor.FCM, f"messages:send → {answer[0]}", answer[1]["error"]["status"], failed=True)
        return answer

    def take_text(self, content: dict[str, Any]) -> bool:
        """Be the SMS gateway: for the phone on the page, or any other valid number; False if it is none."""
        return self.phone.take_text(content) or self.others.take_text(content)

    def enroll(self) -> None:
        """Put Anna's account on the phone."""
        with self._enrolling:
            self._recall()
            if not self.phone.device_id:
                self._enroll()
            self._problem = ""

    def unenroll(self) -> None:
        """Take Anna's account off the phone."""
        with self._enrolling:
            self._recall()
            self.phone.unenroll()
            self._enroll_at = math.inf

    def reset(self) -> None:
        """Back to the start: nothing pending, nobody signed in, a newly enrolled phone, an empty journal."""
        with self._enrolling:
            self._recall()
            self._start_over()
            self._problem = ""


def _access(configured: dict[str, Any]) -> Access:
    return Access(
        server=configured["server"],
        client_id=setup.CLIENT_ID,
        client_secret=configured["client_secret"],
        callback_uri=setup.callback_uri(configured["server"]),
        callback_username=setup.CALLBACK_USERNAME,
        callback_password=configured["callback_password"],
        type_names=setup.TYPES,
        application_id=setup.APPLICATION,
    )


_making = threading.Lock()


def current() -> Demo:
    """Return this process's demo; NotSetUp says what to do when there is none."""
    with _making:
        return _current()


@lru_cache(maxsize=1)
def _current() -> Demo:
    configured = store.read(store.SETUP)
    if not configured.get("service_account"):
        raise NotSetUp(_("The demo is not set up. Run the command demo_setup, or start everything with make run."))
    if configured["server"] != setup.server():
        raise NotSetUp(
            _("The demo is set up for %(server)s. Run the command demo_setup with this PORT.")
            % {"server": configured["server"]}
        )
    return Demo(configured)


def forget() -> None:
    """Let the next `current` read the set-up anew."""
    _current.cache_clear()
