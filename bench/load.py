"""What is driven through the product: whole logins, and bursts of starts."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.demo.device import DeviceApiError
from apps.outgoing import http
from bench import accounting
from bench.clients import Arrivals, Portal, User
from bench.product import Setting
from bench.standins import DELAY_PATH

# A slow product must not make the bench endless.
DRAIN_SECONDS = 30.0
MAX_STARTS = 1500
FAULTS = (DeviceApiError, http.NoResponse, TimeoutError)


@dataclass
class Logins:
    """A level's result: the spans of each login in seconds, by name."""

    portals: int
    spans: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_ms: dict[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.spans.get("whole path", []))


@dataclass
class Burst:
    """Starts as fast as they go, against a provider that takes its time."""

    starts: int
    errors: list[str]
    seconds: float
    delay_ms: int
    pushes: int
    drain_seconds: float
    most_in_flight: int
    cpu_ms: dict[str, float]


@dataclass
class Bench:
    """Everything that a run of load needs."""

    setting: Setting
    portal: Portal
    arrivals: Arrivals
    users: list[User]

    def logins(self, portals: int, seconds: float) -> Logins:
        """Let each of `portals` users sign in again and again. The first login of each is not counted."""
        outcome = Logins(portals)
        # Warm connections first; then all begin together, and the accounts are opened at that moment.
        marks: dict[str, dict[str, float]] = {}
        began: list[float] = []

        def begin() -> None:
            marks["before"] = accounting.cpu_seconds(self.setting.pids)
            began.append(time.monotonic())

        gate = threading.Barrier(portals, begin)

        def work(user: User) -> None:
            self._login(user, Logins(0))
            gate.wait(60)
            while time.monotonic() < began[0] + seconds:
                self._login(user, outcome)

        together(work, self.users[:portals])
        outcome.seconds = time.monotonic() - began[0]
        after = accounting.cpu_seconds(self.setting.pids)
        outcome.cpu_ms = accounting.per_transaction(marks["before"], after, outcome.count)
        return outcome

    def _login(self, user: User, outcome: Logins) -> None:
        try:
            spans = self._spans(user)
        except FAULTS as error:
            outcome.errors.append(f"{type(error).__name__}: {error}")
            return
        for name, span in spans.items():
            outcome.spans.setdefault(name, []).append(span)

    def _spans(self, user: User) -> dict[str, float]:
        """Sign in once: start, push, fetch, approve, callback."""
        started = time.monotonic()
        transaction_id = self.portal.start(user.user_id, user.phone.device_id)
        accepted = time.monotonic()
        pushed = self.arrivals.wait("push", transaction_id)
        challenge = user.phone.fetch(transaction_id)
        fetched = time.monotonic()
        approval = {"transaction_id": transaction_id, "token": challenge["token"], "authenticated": True}
        sealed = user.phone.seal(approval)
        answering = time.monotonic()
        user.phone.send_answer(transaction_id, sealed)
        answered = time.monotonic()
        called_back = self.arrivals.wait("callback", transaction_id)
        return {
            "start (E3) answered": accepted - started,
            "start to push": pushed - started,
            "push to fetch": fetched - pushed,
            "answer answered": answered - answering,
            "answer to callback": called_back - answering,
            "whole path": called_back - started,
        }

    def burst(self, seconds: float, delay_ms: int) -> Burst:
        """Start as many as possible in `seconds` and wait until their pushes have gone out."""
        self._delay(delay_ms)
        self.arrivals.most_in_flight = 0
        pushes_before = self.arrivals.counts["push"]
        errors: list[str] = []
        done: list[float] = []
        before, began = accounting.cpu_seconds(self.setting.pids), time.monotonic()

        def work(user: User) -> None:
            while time.monotonic() < began + seconds and len(done) < MAX_STARTS:
                try:
                    self.portal.start(user.user_id, user.phone.device_id)
                    done.append(time.monotonic())
                except FAULTS as error:
                    errors.append(f"{type(error).__name__}: {error}")

        together(work, self.users)
        ended = time.monotonic()
        within(DRAIN_SECONDS, lambda: self.arrivals.counts["push"] - pushes_before >= len(done))
        after = accounting.cpu_seconds(self.setting.pids)
        self._delay(0)
        return Burst(
            starts=len(done),
            errors=errors,
            seconds=ended - began,
            delay_ms=delay_ms,
            pushes=self.arrivals.counts["push"] - pushes_before,
            drain_seconds=self.arrivals.last_at.get("push", began) - began,
            most_in_flight=self.arrivals.most_in_flight,
            cpu_ms=accounting.per_transaction(before, after, len(done)),
        )

    def _delay(self, milliseconds: int) -> None:
        http.send(http.Request("POST", f"{self.setting.standin_url}{DELAY_PATH}{milliseconds}"))


def together(work: Callable[[User], None], users: list[User]) -> None:
    """Run `work` for each user in a thread of its own and wait for all."""
    threads = [threading.Thread(target=work, args=(user,), daemon=True) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Wait until something is true, but not longer."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()
