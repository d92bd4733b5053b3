"""Cost of a sealed message: `python -m bench.sealing` seals and opens with Countersign and with gpg processes.

Runs in the environment of the installation without its database: profiles and server keys are not saved.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import django
import psutil
import pysequoia
from pysequoia import Cert, Tsk
from pysequoia import Profile as OpenPgpProfile

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
django.setup()

from apps.enrollment import keys  # noqa: E402 - models are ready only now
from apps.enrollment.jose import kind as jose  # noqa: E402
from apps.enrollment.keys import MessageType  # noqa: E402
from apps.enrollment.models import KeyKind, Profile, ServerKey  # noqa: E402
from clients.python.countersign_device import KeyKind as PhoneKeyKind  # noqa: E402
from clients.python.countersign_device import keys as phone_keys  # noqa: E402
from tests.api import sealing  # noqa: E402

WARM_UP = 20
OPERATIONS = 200
GPG_WARM_UP = 2
# The CPU time of the agent has a resolution of 10 ms: 0.5 ms over 20 operations.
GPG_OPERATIONS = 20
GPG_SECONDS = 5
CONTENT = {"transaction_id": "1f0c1c0e-5f3a-4c3e-9d8a-2f1c7f3b9a10", "token": "x" * 43, "authenticated": True}
# Format of Sequoia, which GnuPG cannot read.
WITH_AEAD = "open, with AEAD"
PLAIN = json.dumps(CONTENT).encode()


class Pair:
    """Server and device with exchanged keys."""

    def __init__(self, server: ServerKey) -> None:
        self.phone_secret = phone_keys.new_secret_key(PhoneKeyKind.CURVE25519, at=time.time())
        self.profile = Profile(public_key=phone_keys.public_key(self.phone_secret), server_key=server)
        self.server = server

    def messages(self) -> dict[str, str]:
        """Return messages of the device: plain, compressed (as many mobile libraries do), and with AEAD (RFC 9580)."""
        signed = bytes(pysequoia.sign(Tsk.from_bytes(self.phone_secret.encode()).signer(), PLAIN, armor=False))
        return {
            "open": self._encrypted(signed),
            "open, compressed": self._encrypted(sealing.compressed(signed)),
            WITH_AEAD: self._with_aead(),
        }

    def _with_aead(self) -> str:
        signer = Tsk.from_bytes(self.phone_secret.encode()).signer()
        receiver = Cert.from_bytes(self.server.public_key.encode())
        return pysequoia.encrypt(PLAIN, recipients=[receiver], signer=signer).decode()

    def _encrypted(self, packets: bytes) -> str:
        message = sealing.encrypted(self.server.public_key, packets)
        return pysequoia.armor(message, pysequoia.ArmorKind.Message)


def server_key() -> ServerKey:
    pair = Tsk.generate("Countersign", profile=OpenPgpProfile.RFC4880)
    return ServerKey(kind=KeyKind.OPENPGP, secret_key=str(pair), public_key=str(pair.extract_certificate()))


def measure() -> dict[str, Any]:
    """Return CPU milliseconds per operation of Countersign and gpg. `gpg` is its version; empty without gpg."""
    pair = Pair(server_key())
    messages = pair.messages()
    return {
        "operations": OPERATIONS,
        "cpu_ms": measure_own(pair, messages),
        "gpg_operations": GPG_OPERATIONS,
        **measure_gpg(pair, messages),
    }


def measure_gpg(pair: Pair, messages: dict[str, str]) -> dict[str, Any]:
    """Measure gpg if it is installed. A failure of gpg does not discard the other results."""
    try:
        if shutil.which("gpg"):
            return run_gpg_operations(pair, messages)
    except (subprocess.SubprocessError, AssertionError) as error:
        print(f"bench: gpg was not measured: {error}", file=sys.stderr)
    return {"gpg": "", "gpg_cpu_ms": {}}


def measure_own(pair: Pair, messages: dict[str, str]) -> dict[str, float]:
    count = WARM_UP + OPERATIONS
    # A process caches parsed keys, so the first message to a device is more expensive.
    new = [Pair(pair.server).profile for _ in range(count)]
    jose_profile, jose_message = jose_pair()
    operations: dict[str, list[Callable[[], object]]] = {
        "seal": [partial(seal, pair.profile)] * count,
        "seal, to a new phone": [partial(seal, profile) for profile in new],
        **{name: [partial(open_sealed, pair.profile, message)] * count for name, message in messages.items()},
        "seal, JOSE": [partial(seal, jose_profile)] * count,
        "open, JOSE": [partial(open_sealed, jose_profile, jose_message)] * count,
    }
    return {name: median_ms(steps, WARM_UP, time.process_time) for name, steps in operations.items()}


def seal(profile: Profile) -> str:
    return keys.seal(profile, MessageType.CHALLENGE, CONTENT)


def open_sealed(profile: Profile, message: str) -> None:
    assert keys.open_sealed(profile, MessageType.ANSWER, message) == CONTENT


def jose_pair() -> tuple[Profile, str]:
    """Return a profile with JOSE keys and a sealed answer of its device."""
    server, device = jose.generate(), jose.generate()
    server_row = ServerKey(kind=KeyKind.JOSE, secret_key=server.secret_key, public_key=server.public_key)
    message = jose.seal(PLAIN, MessageType.ANSWER, secret_key=device.secret_key, receiver=server.public_key)
    return Profile(public_key=device.public_key, server_key=server_row), message


def median_ms(steps: list[Callable[[], object]], warm_up: int, clock: Callable[[], float]) -> float:
    """Run the steps and return the median duration, without the first `warm_up` steps."""
    durations = []
    for step in steps:
        before = clock()
        step()
        durations.append(clock() - before)
    return round(statistics.median(durations[warm_up:]) * 1000, 3)


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_gpg_operations(pair: Pair, messages: dict[str, str]) -> dict[str, Any]:
    """Measure the operations of the server with gpg, with the same keys and messages."""
    version = subprocess.run(["gpg", "--version"], capture_output=True, text=True, timeout=GPG_SECONDS, check=True)
    with gpg_home(pair) as home:
        signer, recipient = (
            Cert.from_bytes(each.public_key.encode()).fingerprint for each in (pair.server, pair.profile)
        )
        sealing_options = ["--armor", "--sign", "--encrypt", "--local-user", signer, "--recipient", recipient]
        costs = {"seal": gpg_ms(home, sealing_options, PLAIN)}
        for name in messages.keys() - {WITH_AEAD}:
            message = messages[name]
            assert run_gpg(home, ["--decrypt"], message.encode()) == PLAIN
            costs[name] = gpg_ms(home, ["--decrypt"], message.encode())
    return {"gpg": version.stdout.splitlines()[0], "gpg_cpu_ms": costs}


@contextmanager
def gpg_home(pair: Pair) -> Iterator[Path]:
    """Create a home directory of gpg with both keys, and terminate its agent at the end."""
    with tempfile.TemporaryDirectory(prefix="countersign-gpg-") as directory:
        home = Path(directory)
        try:
            for key in (pair.server.secret_key, pair.profile.public_key):
                run_gpg(home, ["--import"], key.encode())
            yield home
        finally:
            command = ["gpgconf", "--homedir", directory, "--kill", "all"]
            subprocess.run(command, capture_output=True, timeout=GPG_SECONDS, check=False)


def run_gpg(home: Path, options: list[str], data: bytes) -> bytes:
    command = ["gpg", "--homedir", str(home), "--batch", "--no-tty", "--quiet", "--trust-model", "always", *options]
    return subprocess.run(command, input=data, capture_output=True, timeout=GPG_SECONDS, check=True).stdout


def gpg_ms(home: Path, options: list[str], data: bytes) -> float:
    """Return the median of the gpg processes plus the mean of their agent, which uses the secret keys."""
    step = partial(run_gpg, home, options, data)
    median_ms([step] * GPG_WARM_UP, 0, children_seconds)
    before = agents_seconds(home)
    median = median_ms([step] * GPG_OPERATIONS, 0, children_seconds)
    return round(median + (agents_seconds(home) - before) * 1000 / GPG_OPERATIONS, 1)


def agents_seconds(home: Path) -> float:
    """Return the CPU time of the daemons that gpg started for this directory."""
    seconds = 0.0
    for process in psutil.process_iter(["cmdline", "cpu_times"]):
        if str(home) in (process.info["cmdline"] or []):
            seconds += process.info["cpu_times"].user + process.info["cpu_times"].system
    return seconds


if __name__ == "__main__":
    result = measure()
    print(json.dumps(result, indent=None if sys.argv[1:] == ["--json"] else 2))
