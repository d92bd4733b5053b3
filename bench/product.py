"""Start and termination of the measured installation: Countersign, its servers and the fakes."""

import base64
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from bench import configuration, fakes
from tests import servers

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 40
END_SECONDS = 15
BACKENDS = ("postgres", "postgres-embedded", "sqlite")


class NotRunning(Exception):
    """A process did not start. The text names it and contains its output."""


@dataclass
class Installation:
    """Paths and URLs of the installation, and its process ids by role."""

    directory: Path
    environment: dict[str, str]
    url: str
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    fakes_url: str = ""
    apple_url: str = ""
    arrivals: IO[str] | None = None
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def callback_url(self) -> str:
        return self.fakes_url + fakes.CALLBACK_PATH


@contextlib.contextmanager
def running(directory: Path, backend: str, web_workers: int) -> Iterator[Installation]:
    """Start and configure the installation, and terminate all its processes at the end."""
    url = f"http://127.0.0.1:{_free_port()}"
    installation = Installation(directory, _environment(directory, url, web_workers), url)
    with contextlib.ExitStack() as stack:
        if backend != "sqlite":
            installation.environment["DATABASE_URL"] = servers.start_postgres(directory / "postgres")
            installation.pids["PostgreSQL"] = int((directory / "postgres" / "postmaster.pid").read_text().split()[0])
        if backend == "postgres":
            installation.environment["BROKER_URL"] = servers.start_redis()
            installation.pids["Redis"] = _listener(installation.environment["BROKER_URL"])
        _start_fakes(stack, installation)
        apple = _start_apple(stack, installation)
        _run(installation, "migrate", "--verbosity=0")
        _configure(installation, apple)
        installation.pids["web"] = _start(stack, installation, "serve", "--host=127.0.0.1").pid
        installation.pids["worker"] = _start(stack, installation, "worker").pid
        _await_ready(installation)
        yield installation


def _environment(directory: Path, url: str, web_workers: int) -> dict[str, str]:
    """Return the process environment with production settings, without variables of a developer."""
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL", "PUBLIC_URL")
    }
    return {
        **environment,
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "VAR_DIR": str(directory / "var"),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "CALLBACKS_ALLOW_PRIVATE_ADDRESSES": "1",
        "PORT": url.rpartition(":")[2],
        "WEB_WORKERS": str(web_workers),
        "PYTHONPATH": str(ROOT),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listener(broker_url: str) -> int:
    """Return the pid of the child that serves the broker's port."""
    port = int(broker_url.rpartition(":")[2].split("/")[0])
    for child in psutil.Process().children(recursive=True):
        if any(connection.laddr.port == port for connection in child.net_connections("tcp")):
            return int(child.pid)
    raise NotRunning("the broker's process was not found")


def _start_fakes(stack: contextlib.ExitStack, installation: Installation) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.fakes", str(installation.directory)],
        cwd=ROOT,
        env=installation.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stack.callback(_end, process)
    assert process.stdout
    status, _space, port = process.stdout.readline().strip().partition(" ")
    if status != "ready":
        raise NotRunning("the fakes do not start")
    installation.fakes_url, installation.arrivals = f"http://127.0.0.1:{port}", process.stdout
    installation.pids["fakes"] = process.pid


def _run(installation: Installation, *command: str) -> None:
    """Run a management command. Its output is shown only if it fails."""
    try:
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=installation.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise NotRunning(f"manage.py {command[0]} failed:\n{error.output[-2000:]}") from None


def _start_apple(stack: contextlib.ExitStack, installation: Installation) -> dict[str, str]:
    """Start the fake APNs, configure its URL, and return the credentials of an app."""
    command = [sys.executable, "-m", "tests.fakes.apns"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    stack.callback(_end, process)
    assert process.stdout
    apple_settings: dict[str, str] = json.loads(process.stdout.readline() or "{}")
    if not apple_settings:
        raise NotRunning("the fake APNs does not start")
    installation.apple_url, installation.pids["Apple"] = apple_settings["url"], process.pid
    installation.environment["PUSH_APNS_PRODUCTION_URL"] = apple_settings["production_url"]
    installation.environment["PUSH_APNS_CA_FILE"] = apple_settings["ca_file"]
    return apple_settings


def _configure(installation: Installation, apple: dict[str, str]) -> None:
    account = json.loads((installation.directory / fakes.ACCOUNT_FILE).read_text())
    file = installation.directory / "configuration.json"
    file.touch(mode=0o600)
    file.write_text(
        json.dumps(configuration.document(installation.client_secret, account, installation.fakes_url, apple))
    )
    _run(installation, "import_configuration", str(file))


def _start(stack: contextlib.ExitStack, installation: Installation, *command: str) -> subprocess.Popen[bytes]:
    """Start a process of the installation in its own session, so that Ctrl-C does not reach it directly."""
    with (installation.directory / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=installation.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack.callback(_end, process)
    return process


@contextlib.contextmanager
def terminated(process: subprocess.Popen[str]) -> Iterator[None]:
    """Terminate a process at the end of the block."""
    try:
        yield
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """Terminate a process; after a timeout, kill it with its children."""
    family = [process.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    if process.stdin:
        process.stdin.close()
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
        return
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(END_SECONDS)


def _await_ready(installation: Installation) -> None:
    """Wait until the web process is ready. The worker can start later, because deliveries are rows."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(installation.url + "/readyz", timeout=2):
            return
        time.sleep(0.05)
    raise NotRunning("the server does not get ready:\n" + (installation.directory / "serve.log").read_text()[-2000:])
