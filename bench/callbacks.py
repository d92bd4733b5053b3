"""Callback throughput of one worker process, and the latency of 18 portals beside two faulty ones.

The rows of the worker contain the start and the end times.
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from bench import accounting, pushes
from bench.product import ROOT, Installation, NotRunning, terminated

PORTALS = 20
FAULTY_PATHS = ("/hang", "/drip")
DELAYS_MS = (0, 150)
WARM_UP = 200
# A rate below the capacity of a worker, to measure delays by other portals and not by the processor.
PACE_DELAY_MS, PACE_SECONDS, PACE_PER_SECOND = 20, 3.0, 150.0
REMAINING = "SELECT count(*) FROM callbacks_callbackdelivery WHERE state = 'due' AND client_id = %s"
DUE = "UPDATE callbacks_callbackdelivery SET due_at = now() + interval '0.5 seconds' WHERE client_id = %s"
SPAN = """
SELECT extract(epoch FROM max(d.ended_at) - min(a.started_at))
FROM callbacks_callbackdelivery d JOIN callbacks_callbackattempt a ON a.delivery_id = d.id
WHERE d.state = 'done' AND d.client_id = %s
"""
LATENCY = """
SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - created_at))
FROM callbacks_callbackdelivery WHERE client_id = %s AND state = 'done' AND url = ANY(%s)
"""
GIVE_UP = "UPDATE callbacks_callbackdelivery SET state = 'failed', ended_at = now(), claim = NULL WHERE state = 'due'"


@dataclass(frozen=True)
class Drain:
    """Result of delivering `count` callbacks to `portals` with one worker process."""

    portals: int
    delay_ms: int
    count: int
    seconds: float
    cpu_ms: dict[str, float]


@dataclass(frozen=True)
class Fairness:
    """Latency of healthy portals in seconds by percentile, without and with faulty portals."""

    healthy: dict[int, float]
    beside_faulty: dict[int, float]


@dataclass(frozen=True)
class Callbacks:
    drains: list[Drain]
    fairness: Fairness


def measure(installation: Installation, count: int) -> Callbacks | None:
    """Measure with `count` callbacks for each case. Requires PostgreSQL, whose clock is used."""
    if "DATABASE_URL" not in installation.environment:
        return None
    with (
        portals(installation) as bases,
        psycopg.connect(installation.environment["DATABASE_URL"], autocommit=True) as connection,
    ):
        cases = [(number, delay_ms) for number in (1, PORTALS) for delay_ms in DELAYS_MS]
        urls = {case: [f"{base}/{case[1]}" for base in bases[: case[0]]] for case in cases}
        batches = {f"{number}-{delay_ms}": (urls[number, delay_ms], count) for number, delay_ms in cases}
        batches["warm-up"] = (urls[PORTALS, 0], WARM_UP)
        contents = {name: {"urls": batch_urls, "count": number} for name, (batch_urls, number) in batches.items()}
        _run_rows(installation, "fill", batches=contents)
        _drain(installation, connection, "warm-up", WARM_UP)
        drains = [
            Drain(number, delay_ms, count, *_drain(installation, connection, f"{number}-{delay_ms}", count))
            for number, delay_ms in cases
        ]
        fairness = _fairness(installation, connection, bases)
    with psycopg.connect(installation.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(GIVE_UP)
    return Callbacks(drains, fairness)


@contextlib.contextmanager
def portals(installation: Installation) -> Iterator[list[str]]:
    """Start the portals and yield their base URLs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.portals", str(PORTALS)],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with terminated(process):
        assert process.stdout
        ports = process.stdout.readline().split()
        if len(ports) != PORTALS:
            raise NotRunning("the portals do not start")
        installation.pids["portals"] = process.pid
        yield [f"http://127.0.0.1:{port}" for port in ports]
        del installation.pids["portals"]


def _run_rows(installation: Installation, mode: str, **order: Any) -> None:
    command = [sys.executable, "-m", "bench.callback_rows", mode]
    subprocess.run(
        command, cwd=ROOT, env=installation.environment, input=json.dumps(order), text=True, timeout=60, check=True
    )


def _drain(
    installation: Installation, connection: psycopg.Connection[Any], name: str, count: int
) -> tuple[float, dict[str, float]]:
    """Make the rows of a batch due and wait for their delivery. Return the seconds and the CPU time of each."""
    before = accounting.cpu_seconds(installation.pids)
    connection.execute(DUE, [name])
    pushes.wait_until_empty(connection, REMAINING, [name])
    after = accounting.cpu_seconds(installation.pids)
    [seconds] = connection.execute(SPAN, [name]).fetchone() or [0]
    return float(seconds), accounting.per_transaction(before, after, count)


def _fairness(installation: Installation, connection: psycopg.Connection[Any], bases: list[str]) -> Fairness:
    """Enqueue callbacks at an even pace, to healthy portals only, then to healthy and two faulty portals."""
    urls = [f"{base}/{PACE_DELAY_MS}" for base in bases]
    healthy = urls[: PORTALS - len(FAULTY_PATHS)]
    faulty = [base + path for base, path in zip(bases[-len(FAULTY_PATHS) :], FAULTY_PATHS, strict=True)]
    phases = {
        "pace-warm-up": {"urls": urls, "seconds": 0.5},
        "all well": {"urls": urls, "seconds": PACE_SECONDS},
        "two bad": {"urls": healthy + faulty, "seconds": PACE_SECONDS},
    }
    _run_rows(installation, "pace", phases=phases, per_second=PACE_PER_SECOND)
    pushes.wait_until_empty(connection, f"{REMAINING} AND url = ANY(%s)", ["two bad", healthy])
    return Fairness(
        *(
            {percent: _latency(connection, name, healthy, percent) for percent in (50, 95, 99)}
            for name in ("all well", "two bad")
        )
    )


def _latency(connection: psycopg.Connection[Any], name: str, urls: list[str], percent: int) -> float:
    [seconds] = connection.execute(LATENCY, [percent / 100, name, urls]).fetchone() or [0]
    return float(seconds)
