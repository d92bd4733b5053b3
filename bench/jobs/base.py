"""Job of the bench and its measurement: one operation, repeated by concurrent clients."""

import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bench import accounting, database
from bench.clients import ERRORS, Portal, User, enroll_users
from bench.product import Installation

Work = Callable[[User, int], None]
Prepared = tuple[User, Any]
WARM_UP_SHARE = 4
# Above this share of failed jobs, the figures are meaningless.
MAX_ERROR_SHARE = 0.02


@dataclass
class Session:
    """Installation with its portal, its users, and a connection to its database."""

    installation: Installation
    clients: int
    users: list[User] = field(default_factory=list)
    # Results of measurements that are made once in a run, by name.
    cache: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.portal = Portal(self.installation)
        self.arrivals = self.installation.arrivals
        self.connection = database.connect(self.installation.database_url)

    def enroll(self, count: int) -> None:
        """Enrol users until there are `count`."""
        names = [f"user-{number}" for number in range(len(self.users), count)]
        self.users += enroll_users(self.installation, self.portal, names)


class Job(ABC):
    """Operation that is measured. `prepare` runs before the measured time and returns what `run` needs."""

    name: ClassVar[str]
    title: ClassVar[str]

    def prepare(self, session: Session, user: User) -> Any:
        """Prepare one job and return its input."""
        return None

    @abstractmethod
    def run(self, session: Session, user: User, prepared: Any) -> float | None:
        """Run one job. Return the monotonic time of its end, or None if it ends with this call."""


@dataclass
class Run:
    """Result of repeated jobs: the durations in seconds, the errors, and the time of all."""

    durations: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def measure(self, start: Callable[[Work], None], operate: Callable[[User, int], float | None]) -> None:
        """Measure each call of `operate` in the threads that `start` runs."""
        ends = [0.0]

        def work(user: User, number: int) -> None:
            began = time.monotonic()
            try:
                ended = operate(user, number) or time.monotonic()
            except ERRORS as error:
                self.errors.append(f"{type(error).__name__}: {error}")
                return
            self.durations.append(ended - began)
            ends.append(ended)

        began = time.monotonic()
        start(work)
        self.seconds = max(ends) - began

    def check(self) -> None:
        """Raise RuntimeError if too many jobs failed."""
        if len(self.errors) > MAX_ERROR_SHARE * len(self.durations):
            failed, succeeded = len(self.errors), len(self.durations)
            raise RuntimeError(f"{failed} jobs failed, {succeeded} succeeded: {self.errors[0]}")


def run_concurrently(users: Sequence[User], clients: int, numbers: Iterable[int], work: Work) -> None:
    """Call `work` with each number in `clients` threads, each with its own users. Raises the error of a thread."""
    clients = min(clients, len(users))
    lock, ended, remaining = threading.Lock(), threading.Event(), iter(numbers)

    errors: list[Exception] = []

    def loop(client: int) -> None:
        for user in itertools.cycle(users[client::clients]):
            with lock:
                number = next(remaining, None)
            if number is None or ended.is_set():
                return
            try:
                work(user, number)
            except Exception as error:  # noqa: BLE001 - raised below
                errors.append(error)
                ended.set()

    threads = [threading.Thread(target=loop, args=(client,), daemon=True) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        # A time limit interrupts the join.
        ended.set()
    if errors:
        raise errors[0]


def prepare(job: Job, session: Session, count: int) -> list[Prepared]:
    """Prepare jobs and wait for their deliveries."""
    database.end_pending(session.connection)
    prepared: list[Prepared] = []

    def work(user: User, _number: int) -> None:
        prepared.append((user, job.prepare(session, user)))

    run_concurrently(session.users, session.clients, range(count), work)
    database.wait_until_delivered(session.connection)
    return prepared


def run(job: Job, session: Session, prepared: Sequence[Prepared]) -> Run:
    """Run prepared jobs."""
    result = Run()
    numbers = range(len(prepared))
    result.measure(
        lambda work: run_concurrently(session.users, session.clients, numbers, work),
        lambda _user, number: job.run(session, *prepared[number]),
    )
    return result


def run_for(job: Job, session: Session, clients: int, seconds: float) -> Run:
    """Run jobs without preparation for a time."""
    end, result = time.monotonic() + seconds, Run()
    numbers = itertools.takewhile(lambda _number: time.monotonic() < end, itertools.count())
    result.measure(
        lambda work: run_concurrently(session.users, clients, numbers, work),
        lambda user, _number: job.run(session, user, None),
    )
    return result


def measure(job: Job, session: Session, count: int) -> dict[str, Any]:
    """Measure one round of a job: rate, latency, CPU time, statements and WAL."""
    run(job, session, prepare(job, session, max(count // WARM_UP_SHARE, session.clients)))
    prepared = prepare(job, session, count)
    pids, connection = session.installation.pids, session.connection
    statements, cpu = database.read_statements(connection), accounting.cpu_seconds(pids)
    result = run(job, session, prepared)
    # The deliveries that the jobs caused are part of their cost.
    database.wait_until_delivered(connection)
    cpu_after, statements_after = accounting.cpu_seconds(pids), database.read_statements(connection)
    result.check()
    return {
        **latency(result),
        **{f"CPU {role}": value for role, value in accounting.cpu_ms(cpu, cpu_after, count).items()},
        **database.statement_figures(statements, statements_after, count),
        "statement list": database.statement_list(statements, statements_after, count),
    }


def latency(result: Run) -> dict[str, float]:
    """Return jobs per second and the percentiles of their durations in milliseconds."""
    return {
        "jobs/s": len(result.durations) / max(result.seconds, 0.001),
        **{f"p{percent} ms": percentile(result.durations, percent) * 1000 for percent in (50, 95, 99)},
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of the values (nearest rank); 0 without values."""
    ranked = sorted(values)
    return ranked[max(-(-len(ranked) * percent // 100) - 1, 0)] if ranked else 0.0
