"""Load on the installation: complete logins, and bursts of authentication requests."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from apps.demo.device import DeviceApiError
from apps.outgoing import http
from bench import accounting
from bench.clients import Arrivals, Portal, User
from bench.fakes import DELAY_PATH
from bench.product import Installation

# Limits the duration of the bench.
DRAIN_SECONDS = 30.0
MAX_STARTS = 1500
ERRORS = (DeviceApiError, http.NoResponse, TimeoutError)


@dataclass
class Logins:
    """Result of a level: the durations of all logins in seconds by step."""

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
    """Result of authentication requests at the maximum rate, with a slow push provider."""

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
    """Parts that a load run uses."""

    installation: Installation
    portal: Portal
    arrivals: Arrivals
    users: list[User]

    def logins(self, portals: int, seconds: float) -> Logins:
        """Run repeated logins of `portals` concurrent users. The first login of each is not counted."""
        result = Logins(portals)
        # Each user first opens a connection. Then all start together, and the CPU times are read.
        cpu_before: dict[str, dict[str, float]] = {}
        began: list[float] = []

        def begin() -> None:
            cpu_before["before"] = accounting.cpu_seconds(self.installation.pids)
            began.append(time.monotonic())

        gate = threading.Barrier(portals, begin)

        def work(user: User) -> None:
            self._login(user, Logins(0))
            gate.wait(60)
            while time.monotonic() < began[0] + seconds:
                self._login(user, result)

        run_concurrently(work, self.users[:portals])
        result.seconds = time.monotonic() - began[0]
        after = accounting.cpu_seconds(self.installation.pids)
        result.cpu_ms = accounting.per_transaction(cpu_before["before"], after, result.count)
        return result

    def _login(self, user: User, result: Logins) -> None:
        try:
            spans = self._spans(user)
        except ERRORS as error:
            result.errors.append(f"{type(error).__name__}: {error}")
            return
        for name, span in spans.items():
            result.spans.setdefault(name, []).append(span)

    def _spans(self, user: User) -> dict[str, float]:
        """Run one login: start, push, fetch, approve, callback."""
        started_at = time.monotonic()
        transaction_id = self.portal.start(user.user_id, user.phone.device_id)
        accepted_at = time.monotonic()
        pushed_at = self.arrivals.wait("push", transaction_id)
        challenge = user.phone.fetch(transaction_id)
        fetched_at = time.monotonic()
        approval = {"transaction_id": transaction_id, "token": challenge["token"], "authenticated": True}
        sealed = user.phone.seal(approval)
        answering_at = time.monotonic()
        user.phone.send_answer(transaction_id, sealed)
        answered_at = time.monotonic()
        called_back_at = self.arrivals.wait("callback", transaction_id)
        return {
            "start (E3) answered": accepted_at - started_at,
            "start to push": pushed_at - started_at,
            "push to fetch": fetched_at - pushed_at,
            "answer answered": answered_at - answering_at,
            "answer to callback": called_back_at - answering_at,
            "whole path": called_back_at - started_at,
        }

    def burst(self, seconds: float, delay_ms: int) -> Burst:
        """Start as many authentications as possible in `seconds`, and wait until their pushes are sent."""
        self._delay(delay_ms)
        self.arrivals.most_in_flight = 0
        pushes_before = self.arrivals.counts["push"]
        errors: list[str] = []
        done: list[float] = []
        before, began = accounting.cpu_seconds(self.installation.pids), time.monotonic()

        def work(user: User) -> None:
            while time.monotonic() < began + seconds and len(done) < MAX_STARTS:
                try:
                    self.portal.start(user.user_id, user.phone.device_id)
                    done.append(time.monotonic())
                except ERRORS as error:
                    errors.append(f"{type(error).__name__}: {error}")

        run_concurrently(work, self.users)
        ended_at = time.monotonic()
        wait_until(DRAIN_SECONDS, lambda: self.arrivals.counts["push"] - pushes_before >= len(done))
        after = accounting.cpu_seconds(self.installation.pids)
        self._delay(0)
        return Burst(
            starts=len(done),
            errors=errors,
            seconds=ended_at - began,
            delay_ms=delay_ms,
            pushes=self.arrivals.counts["push"] - pushes_before,
            drain_seconds=self.arrivals.last_at.get("push", began) - began,
            most_in_flight=self.arrivals.most_in_flight,
            cpu_ms=accounting.per_transaction(before, after, len(done)),
        )

    def _delay(self, milliseconds: int) -> None:
        http.send(http.Request("POST", f"{self.installation.fakes_url}{DELAY_PATH}{milliseconds}"))


def run_concurrently(work: Callable[[User], None], users: list[User]) -> None:
    """Run `work` for each user in a separate thread and wait for all."""
    threads = [threading.Thread(target=work, args=(user,), daemon=True) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def wait_until(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until the condition is true or the time is over. Return True if it is true."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()
