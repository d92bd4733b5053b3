"""Commits, flushes and written rows of a job, from the cumulative statistics of PostgreSQL.

A server process of PostgreSQL reports its statistics with a delay of up to ten seconds, or when it ends. Therefore the
connections of the installation are closed before and after the jobs. The cost of the new connections, and of the
worker while it is idle, are measured once and subtracted.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import database
from bench.clients import ERRORS, User
from bench.database import Tables
from bench.jobs.base import Job, Session, prepare, run, run_concurrently

# A pool has at most 16 connections. Each request replaces one that is closed.
CONNECTIONS = 16
IDLE_SECONDS = 3.0


@dataclass(frozen=True)
class Baseline:
    """Counts of new connections, and of an idle installation per second."""

    reconnected: dict[str, float]
    idle: dict[str, float]


@dataclass
class Window:
    """Counts of a time, and its length in seconds."""

    before: Tables
    after: Tables
    seconds: float

    @property
    def counts(self) -> dict[str, float]:
        return database.totals(self.before, self.after)


def measure(job: Job, session: Session, count: int) -> dict[str, float]:
    """Measure commits, written rows and HOT updates of a job."""
    baseline = _baseline(session)
    prepared = prepare(job, session, count)
    with _window(session) as window:
        run(job, session, prepared).check()
        database.wait_until_delivered(session.connection)
    net = {
        name: max(value - baseline.reconnected[name] - baseline.idle[name] * window.seconds, 0) / count
        for name, value in window.counts.items()
    }
    return {**net, **database.hot_shares(window.before, window.after, count)}


def _baseline(session: Session) -> Baseline:
    """Measure the baseline, or return that of this run."""
    if "baseline" not in session.cache:
        session.cache["baseline"] = _measure_baseline(session)
    baseline: Baseline = session.cache["baseline"]
    return baseline


def _measure_baseline(session: Session) -> Baseline:
    with _window(session) as short:
        pass
    with _window(session) as long:
        time.sleep(IDLE_SECONDS)
    seconds = long.seconds - short.seconds
    idle = {name: max(long.counts[name] - value, 0) / seconds for name, value in short.counts.items()}
    reconnected = {name: value - idle[name] * short.seconds for name, value in short.counts.items()}
    return Baseline(reconnected, idle)


@contextlib.contextmanager
def _window(session: Session) -> Iterator[Window]:
    """Count the block. The installation opens new connections before it."""
    before = _read(session)
    window, began = Window(before, before, 0.0), time.monotonic()
    _reconnect(session)
    yield window
    window.seconds = time.monotonic() - began
    window.after = _read(session)
    _reconnect(session)


def _read(session: Session) -> Tables:
    session.installation.pause()
    try:
        return database.read_tables(session.connection)
    finally:
        session.installation.resume()


def _reconnect(session: Session) -> None:
    """Send requests until the pool has no closed connection. The first ones can fail."""

    def request(user: User, _number: int) -> None:
        with contextlib.suppress(*ERRORS):
            user.phone.pending()

    run_concurrently(session.users, CONNECTIONS, range(CONNECTIONS * 2), request)
