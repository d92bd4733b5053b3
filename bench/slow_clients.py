"""Duration of a health check with and without 2,000 slow senders and 2,000 silent connections."""

import http.client
import statistics
import time
from typing import Any
from urllib.parse import urlsplit

from tests.server.attack import run_attack

SLOW = SILENT = 2000
REQUESTS = 200


def measure(url: str) -> dict[str, Any]:
    """Return the medians in milliseconds before and during the slow connections."""
    port = urlsplit(url).port
    assert port
    usual = milliseconds(port)
    with run_attack(port, slow=SLOW, silent=SILENT):
        attacked = milliseconds(port)
    return {"connections": SLOW + SILENT, "usual_ms": round(usual, 2), "attacked_ms": round(attacked, 2)}


def milliseconds(port: int) -> float:
    durations = []
    for _number in range(REQUESTS):
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        connection.close()
        durations.append((time.perf_counter() - started) * 1000)
    return statistics.median(durations)
