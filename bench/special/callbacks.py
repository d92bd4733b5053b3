"""Callback throughput of one worker process, and callbacks of other portals beside one that does not respond."""

import contextlib
import sys
from collections.abc import Iterator

from bench import accounting, configuration, database, processes
from bench.jobs import base
from bench.jobs.base import Session
from bench.jobs.device import Login
from bench.options import Options
from bench.processes import NotRunning
from bench.rounds import Figures
from bench.special import rows

PORTALS = 20
WARM_UP = 200
# A rate below the capacity of a worker, to measure delays by other portals and not by the processor.
PACE_DELAY_MS, PACE_PER_SECOND = 20, 100.0
DELAYS_MS = (0, 150)
TABLE = "callbacks_callbackdelivery"
LATENCY = """
SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM ended_at - created_at))
FROM callbacks_callbackdelivery WHERE client_id = %s AND state = 'done' AND url = ANY(%s)
"""
REMAINING = "SELECT count(*) FROM callbacks_callbackdelivery WHERE state = 'due' AND url NOT LIKE '%/hang'"


def drains(session: Session, options: Options) -> Figures:
    """Drain a full queue to one portal and to twenty, which respond immediately or after a delay."""
    figures: Figures = {}
    with portals(session, [f"/{delay_ms}" for delay_ms in DELAYS_MS]) as bases:
        for count in (1, PORTALS):
            for delay_ms in DELAYS_MS:
                urls = [f"{url}/{delay_ms}" for url in bases[:count]]
                _drain(session, urls, WARM_UP)
                drained = _drain(session, urls, options.callbacks)
                figures |= {f"{count} portals, {delay_ms} ms: {name}": value for name, value in drained.items()}
    return figures


def dead_endpoint(session: Session, options: Options) -> Figures:
    """Measure callbacks to 19 portals, without and with a portal that does not respond."""
    figures: Figures = {}
    with portals(session, [f"/{PACE_DELAY_MS}", "/hang"]) as bases:
        urls = [f"{url}/{PACE_DELAY_MS}" for url in bases]
        healthy, dead = urls[:-1], f"{bases[-1]}/hang"
        for name, called in {"all respond": urls, "one is dead": [*healthy, dead]}.items():
            batch = f"{name} {id(figures)}"
            rows.add_callbacks(session, batch, called, int(PACE_PER_SECOND * options.seconds), PACE_PER_SECOND)
            database.wait_until_delivered(session.connection, REMAINING)
            for percent in (50, 99):
                milliseconds = database.scalar(session.connection, LATENCY, [percent / 100, batch, healthy])
                figures[f"{name}: p{percent} ms"] = float(milliseconds)
        database.give_up(session.connection)
    return {**figures, "p99 ratio": figures["one is dead: p99 ms"] / figures["all respond: p99 ms"]}


@contextlib.contextmanager
def portals(session: Session, paths: list[str]) -> Iterator[list[str]]:
    """Start the portals, configure their callback endpoints and yield their base URLs."""
    process = processes.start_fake([sys.executable, "-m", "bench.portals", str(PORTALS)])
    try:
        assert process.stdout
        ports = process.stdout.readline().split()
        if len(ports) != PORTALS:
            raise NotRunning("the portals do not start")
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        endpoints = [configuration.endpoint(url + path) for url in urls for path in paths]
        session.installation.configure({"callback_endpoints": endpoints})
        # The rows are copies of a callback.
        base.run(Login(), session, [(session.users[0], None)]).check()
        database.wait_until_delivered(session.connection)
        yield urls
    finally:
        processes.end(process)


def _drain(session: Session, urls: list[str], count: int) -> Figures:
    pids = session.installation.pids
    rows.add_callbacks(session, f"drain-{count}", urls, count)
    before = accounting.cpu_seconds(pids)
    seconds = rows.drain(session, TABLE)
    cpu = accounting.cpu_ms(before, accounting.cpu_seconds(pids), count)
    return {"callbacks/s": count / seconds, "worker CPU ms": cpu["worker"], "PostgreSQL CPU ms": cpu["PostgreSQL"]}
