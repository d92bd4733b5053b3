"""Push throughput of one worker process with a full queue and fakes of APNs and FCM.

All rows are written in advance and due at the same time. The rows of the worker contain the start and the end times.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from apps.outgoing import http
from bench import accounting
from bench.fakes import DELAY_PATH
from bench.product import ROOT, Installation, NotRunning
from tests.fakes.apns import ApnsControl

LEAD_SECONDS = 2.0
DRAIN_SECONDS = 40.0
WARM_UP = 100
DELAYS_MS = (0, 150)
VERSIONS = {"APNs": "ios", "FCM": "android"}
REMAINING = "SELECT count(*) FROM transactions_pushdelivery WHERE state = 'due'"
FIRST = "SELECT min(created_at) FROM transactions_pushdelivery WHERE state = 'due'"
SPAN = """
SELECT extract(epoch FROM max(d.ended_at) - min(a.started_at))
FROM transactions_pushdelivery d JOIN transactions_pushattempt a ON a.delivery_id = d.id
WHERE d.state = 'done' AND d.created_at >= %s
"""


@dataclass(frozen=True)
class Drain:
    """Result of delivering `count` pushes with one worker process."""

    provider: str
    delay_ms: int
    count: int
    seconds: float
    cpu_ms: dict[str, float]


def drains(installation: Installation, count: int) -> list[Drain]:
    """Drain a full queue for each provider and delay. Requires PostgreSQL, whose clock is used."""
    if "DATABASE_URL" not in installation.environment:
        return []
    apple, results = ApnsControl(installation.apple_url), []
    apple.stop_recording()
    for provider in VERSIONS:
        for delay_ms in DELAYS_MS:
            apple.delay(delay_ms)
            http.send(http.Request("POST", f"{installation.fakes_url}{DELAY_PATH}{delay_ms}"))
            _drain(installation, provider, delay_ms, WARM_UP)
            results.append(_drain(installation, provider, delay_ms, count))
    return results


def _drain(installation: Installation, provider: str, delay_ms: int, count: int) -> Drain:
    command = [sys.executable, "-m", "bench.backlog", VERSIONS[provider], str(count), str(LEAD_SECONDS)]
    subprocess.run(command, cwd=ROOT, env=installation.environment, timeout=60, check=True)
    with psycopg.connect(installation.environment["DATABASE_URL"], autocommit=True) as connection:
        [began_at] = connection.execute(FIRST).fetchone() or [None]
        before = accounting.cpu_seconds(installation.pids)
        wait_until_empty(connection, REMAINING)
        after = accounting.cpu_seconds(installation.pids)
        [seconds] = connection.execute(SPAN, [began_at]).fetchone() or [0]
    return Drain(provider, delay_ms, count, float(seconds), accounting.per_transaction(before, after, count))


def wait_until_empty(connection: psycopg.Connection[Any], remaining: str, values: Sequence[Any] = ()) -> None:
    """Wait until no delivery remains. Raises NotRunning after a timeout."""
    end = time.monotonic() + DRAIN_SECONDS
    while connection.execute(remaining, values).fetchone() != (0,):
        if time.monotonic() > end:
            raise NotRunning(f"the worker did not deliver everything within {DRAIN_SECONDS:.0f} s")
        time.sleep(0.2)
