"""Measured installations: the processes of Countersign from a checkout, with their own servers and fakes.

A checkout is used only from the outside: its commands, its environment variables and its HTTP APIs.
"""

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
from typing import Any

from bench import configuration, fakes, processes, servers
from bench.arrivals import Arrivals
from bench.processes import ROOT, NotRunning

READY_SECONDS = 40
COMMAND_SECONDS = 120
BACKENDS = ("postgres", "postgres-embedded")
# Processes of Countersign, in contrast to the servers and the fakes.
PRODUCT = ("web", "worker")


@dataclass
class Installation:
    """Paths, URLs and process ids by role of an installation. `root` is its checkout; its devices have `keys`."""

    root: Path
    directory: Path
    environment: dict[str, str]
    url: str
    stack: contextlib.ExitStack
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    fakes_url: str = ""
    web_push_url: str = ""
    apple_url: str = ""
    pids: dict[str, list[int]] = field(default_factory=dict)
    running: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    arrivals: Arrivals = field(default_factory=Arrivals)
    keys: str = "jose"

    @property
    def is_own(self) -> bool:
        """Return True if the processes run from this checkout."""
        return self.root == ROOT

    @property
    def has_web_push(self) -> bool:
        """Return True if the checkout can send Web Push. Older ones cannot."""
        return (self.root / "apps/push/providers/web_push").is_dir()

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    @property
    def callback_url(self) -> str:
        return self.fakes_url + fakes.CALLBACK_PATH

    def run(self, *command: str) -> None:
        """Run a management command. Its output is shown only if it fails."""
        result = subprocess.run(
            [*_python(self.root), "manage.py", *command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if result.returncode:
            raise NotRunning(f"manage.py {command[0]} failed:\n{result.stdout[-2000:]}")

    def configure(self, document: dict[str, Any]) -> None:
        file = self.directory / "configuration.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(document))
        self.run("import_configuration", str(file))

    def start(self, web_workers: int = 1, workers: int = 1) -> None:
        """Start the web server and the workers of Countersign, and wait until the server is ready."""
        environment = {**self.environment, "WEB_WORKERS": str(web_workers)}
        self.pids["web"] = [self._start(environment, "serve", "--host=127.0.0.1")]
        self.pids["worker"] = [self._start(environment, "worker") for _number in range(workers)]
        self._await_ready()

    def stop(self) -> None:
        while self.running:
            processes.end(self.running.pop())

    def pause(self) -> None:
        """Stop the processes of Countersign, so that they use no CPU and no database."""
        processes.send_signal(self._product_pids(), signal.SIGSTOP)

    def resume(self) -> None:
        processes.send_signal(self._product_pids(), signal.SIGCONT)

    def _product_pids(self) -> list[int]:
        return [member.pid for role in PRODUCT for pid in self.pids.get(role, []) for member in processes.family(pid)]

    def _start(self, environment: dict[str, str], *command: str) -> int:
        """Start a process in its own session, so that Ctrl-C does not reach it directly. Return its pid."""
        with (self.directory / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                [*_python(self.root), "manage.py", *command],
                cwd=self.root,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        return process.pid

    def _await_ready(self) -> None:
        """Wait until the web process is ready. The worker can start later, because deliveries are rows."""
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url + "/readyz", timeout=2):
                return
            time.sleep(0.05)
        raise NotRunning("the server is not ready:\n" + (self.directory / "serve.log").read_text()[-2000:])


@contextlib.contextmanager
def installed(root: Path, directory: Path, backend: str, web_workers: int = 1) -> Iterator[Installation]:
    """Start and configure an installation of the checkout, and terminate all its processes at the end."""
    directory.mkdir(mode=0o755)
    url = f"http://127.0.0.1:{_free_port()}"
    with contextlib.ExitStack() as stack:
        installation = Installation(root, directory, _environment(root, directory, url), url, stack)
        _start_servers(installation, backend)
        account = _start_fakes(installation)
        apple = _start_apple(installation)
        _start_web_push(installation)
        stack.callback(installation.stop)
        # A paused process does not react to its termination.
        stack.callback(installation.resume)
        installation.run("migrate", "--verbosity=0")
        installation.configure(
            configuration.document(
                installation.client_secret, account, installation.fakes_url, apple, web_push=installation.has_web_push
            )
        )
        installation.start(web_workers)
        yield installation


def _python(root: Path) -> list[str]:
    return [sys.executable if root == ROOT else str(root / ".venv/bin/python")]


def _environment(root: Path, directory: Path, url: str) -> dict[str, str]:
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
        "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY": "rest",
        "PORT": url.rpartition(":")[2],
        "PUBLIC_URL": url,
        "PYTHONPATH": str(root),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _start_servers(installation: Installation, backend: str) -> None:
    directory = installation.directory / "postgres"
    installation.environment["DATABASE_URL"] = servers.start_postgres(directory)
    installation.pids["PostgreSQL"] = [servers.postmaster(directory)]
    if backend == "postgres":
        installation.environment["BROKER_URL"] = servers.start_redis()
        installation.pids["Redis"] = [processes.listener(installation.environment["BROKER_URL"])]


def _start_fakes(installation: Installation) -> dict[str, str]:
    """Start the fakes and return the service account of the fake FCM."""
    environment = {**installation.environment, "PYTHONPATH": str(ROOT)}
    process = processes.start_fake([sys.executable, "-m", "bench.fakes", str(installation.directory)], environment)
    installation.stack.callback(processes.end, process)
    assert process.stdout
    status, _space, port = process.stdout.readline().strip().partition(" ")
    if status != "ready":
        raise NotRunning("the fakes do not start")
    installation.fakes_url = f"http://127.0.0.1:{port}"
    installation.pids["fakes"] = [process.pid]
    installation.arrivals.read(process.stdout)
    installation.environment["TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_URL"] = installation.fakes_url + fakes.SMS_PATH
    account: dict[str, str] = json.loads((installation.directory / fakes.ACCOUNT_FILE).read_text())
    return account


def _start_apple(installation: Installation) -> dict[str, str]:
    """Start the fake APNs, configure its URL, and return the credentials of an app."""
    process = processes.start_fake([sys.executable, "-m", "tests.fakes.apns"])
    installation.stack.callback(processes.end, process)
    assert process.stdout
    apple: dict[str, str] = json.loads(process.stdout.readline() or "{}")
    if not apple:
        raise NotRunning("the fake APNs does not start")
    installation.apple_url, installation.pids["Apple"] = apple["url"], [process.pid]
    installation.environment["PUSH_APNS_PRODUCTION_URL"] = apple["production_url"]
    installation.environment["PUSH_APNS_CA_FILE"] = apple["ca_file"]
    return apple


def _start_web_push(installation: Installation) -> None:
    """Start the fake push service of browsers, and allow its host."""
    environment = {**installation.environment, "PYTHONPATH": str(ROOT)}
    process = processes.start_fake([sys.executable, "-m", "bench.web_push"], environment)
    installation.stack.callback(processes.end, process)
    assert process.stdout
    service: dict[str, str] = json.loads(process.stdout.readline() or "{}")
    if not service:
        raise NotRunning("the fake push service does not start")
    installation.web_push_url, installation.pids["browsers"] = service["url"], [process.pid]
    installation.arrivals.read(process.stdout)
    installation.environment["WEB_PUSH_HOSTS"] = "localhost"
    installation.environment["WEB_PUSH_CA_FILE"] = service["ca_file"]
