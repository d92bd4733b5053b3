"""Cost of the request context in a secure message: `python -m bench.context`, in the environment of the installation.

Measures the composition alone, and E3 with and without context, alternately, in this process.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django
import netaddr
from mmdb_writer import MMDBWriter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
django.setup()

from django.conf import settings  # noqa: E402 - settings are ready only now
from django.test import Client  # noqa: E402

from apps.geocontext import services as geocontext  # noqa: E402
from apps.geocontext.services import Composed, Origin  # noqa: E402
from bench import configuration  # noqa: E402

NETWORKS = 5_000
STEPS = 2_000
ROUNDS, STARTS = 40, 10
MESSAGE = "You sign in to the bench"


def measure(client_secret: str, user_id: str, device_id: str) -> dict[str, Any]:
    """Return milliseconds of the composition, and of E3 with and without context."""
    with tempfile.TemporaryDirectory(prefix="countersign-context-") as directory:
        path = Path(directory, "city.mmdb")
        addresses = write_database(path)
        settings.GEOCONTEXT_DATABASE = str(path)
        origins = new_origins(addresses)
        step_ms = measure_step(origins)
        start = Start(client_secret, user_id, device_id)
        durations: dict[str, list[float]] = {"": [], str(path): []}
        for _round in range(ROUNDS):
            for source, times in durations.items():
                settings.GEOCONTEXT_DATABASE = source
                times += [start(next(origins)) for _number in range(STARTS)]
    without, with_context = (statistics.median(times) * 1000 for times in durations.values())
    return {"step_ms": step_ms, "start_ms": round(without, 2), "start_with_context_ms": round(with_context, 2)}


def write_database(path: Path) -> list[str]:
    """Write a location database with many networks, and return an address in each."""
    writer = MMDBWriter(4, "Bench-City", description="for the bench")
    numbers = random.Random(1).sample(range(0x0B00, 0x7F00), NETWORKS)
    for number in numbers:
        region = {"country": {"iso_code": "NL"}, "subdivisions": [{"names": {"en": f"Region {number}"}}]}
        network = netaddr.IPNetwork(f"{IPv4Address(number << 16)}/16")
        writer.insert_network(netaddr.IPSet([network]), {**region, "city": {"names": {"en": f"City {number}"}}})
    writer.to_db_file(str(path))
    return [str(IPv4Address((number << 16) + 1)) for number in numbers]


def new_origins(addresses: list[str]) -> Iterator[Origin]:
    """Yield unique origins."""
    number = 0
    while True:
        number += 1
        agent = (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_4) AppleWebKit/537.36 (KHTML, like Gecko) "
            f"Chrome/73.0.{number}.103 Safari/537.36"
        )
        yield Origin(addresses[number % len(addresses)], agent, "en")


def measure_step(origins: Iterator[Origin]) -> float:
    """Return the median duration of composing a context, in milliseconds."""
    durations = []
    for _number in range(STEPS):
        origin = next(origins)
        before = time.perf_counter()
        composed = geocontext.compose(MESSAGE, origin)
        durations.append(time.perf_counter() - before)
        assert isinstance(composed, Composed)
        assert "Chrome 73.0, Location: NL, Region" in composed.text, composed
    return round(statistics.median(durations) * 1000, 3)


class Start:
    """Callable that starts an authentication as a portal does, and returns its duration in seconds."""

    def __init__(self, client_secret: str, user_id: str, device_id: str) -> None:
        self._client = Client(SERVER_NAME="127.0.0.1")
        self._form = {
            "type": configuration.PUSH_TYPE,
            "client_id": configuration.CLIENT_ID,
            "client_secret": client_secret,
            "user_id": user_id,
            "device_id": device_id,
            "callback_uri": "http://127.0.0.1:9/callback",
            "secure_message": MESSAGE,
        }

    def __call__(self, origin: Origin) -> float:
        form = {**self._form, "ip_address": origin.ip_address, "user_agent": origin.user_agent}
        before = time.perf_counter()
        response = self._client.post(
            "/oauth/api/v4/authenticate/user",
            urlencode(form),
            content_type="application/x-www-form-urlencoded",
        )
        duration = time.perf_counter() - before
        assert response.status_code == 200, response.content
        return duration


if __name__ == "__main__":
    result = measure(**json.load(sys.stdin))
    print(json.dumps(result, indent=None if sys.argv[1:] == ["--json"] else 2))
