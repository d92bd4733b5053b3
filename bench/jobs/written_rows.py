"""Commits, flushes and written rows of a job, from the cumulative statistics of PostgreSQL.

A server process of PostgreSQL reports its statistics up to ten seconds after its last statement. Therefore the
installation is paused for this time before and after the jobs. The counts of the idle worker are subtracted.
"""

import time

from bench import database
from bench.database import Tables
from bench.jobs.base import Job, Session, prepare, run

REPORT_SECONDS = 10.3
IDLE_SECONDS = 5.0


def measure(job: Job, session: Session, count: int) -> dict[str, float]:
    """Measure commits, written rows and HOT updates of a job."""
    idle = _idle_per_second(session)
    prepared = prepare(job, session, count)
    before = _read(session)
    began = time.monotonic()
    run(job, session, prepared).check()
    database.wait_until_delivered(session.connection)
    seconds = time.monotonic() - began
    after = _read(session)
    net = {name: max(value - idle[name] * seconds, 0) / count for name, value in database.totals(before, after).items()}
    return {**net, **database.hot_shares(before, after, count)}


def _idle_per_second(session: Session) -> dict[str, float]:
    """Return the counts of the idle installation, which are measured once in a run."""
    if "idle" not in session.cache:
        before = _read(session)
        time.sleep(IDLE_SECONDS)
        counts = database.totals(before, _read(session))
        session.cache["idle"] = {name: value / IDLE_SECONDS for name, value in counts.items()}
    idle: dict[str, float] = session.cache["idle"]
    return idle


def _read(session: Session) -> Tables:
    """Read the statistics after all server processes have reported them."""
    session.installation.pause()
    try:
        time.sleep(REPORT_SECONDS)
        return database.read_tables(session.connection)
    finally:
        session.installation.resume()
