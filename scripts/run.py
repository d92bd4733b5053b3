"""Run the demo: migrate and configure, then run the web process and the worker until Ctrl-C.

PORT and VAR_DIR are read from the environment. The two processes log to VAR_DIR/logs; warnings are also printed.
"""

import contextlib
import ctypes
import fcntl
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 20
MAX_LOG_BYTES = 5_000_000
WARNING_LEVELS = {"warning", "error", "critical"}
PR_SET_PDEATHSIG = 1
SMS_GATEWAY = "TOKEN_SERVER_ENGINE_CUSTOM_HOOKS_SMS_GATEWAY"


class StopRequested(BaseException):
    """The process received a signal to stop."""


class StartupError(Exception):
    """The demo cannot run. The text is one line for the terminal."""


def request_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, request_stop)
    children: list[Child] = []
    try:
        run(children)
    except StopRequested:
        return 0
    except StartupError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        # Ignore signals from now on: children that keep running would occupy the port.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            child.end()
        for child in children:
            child.wait()
    return 0


def run(children: list["Child"]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    # The portal and the phone of the demo share memory in one web process.
    os.environ["WEB_WORKERS"] = "1"
    port = choose_port()
    choose_sms_gateway(port)
    var_dir, password = set_up()
    logs = var_dir / "logs"
    logs.mkdir(exist_ok=True)
    for name, arguments in (("web", ["serve", "--host", HOST]), ("worker", ["worker"])):
        children.append(Child(name, arguments, logs / f"{name}.log"))
    for child in children:
        child.follow()
    wait_until_healthy(port, children)
    print(f"Demo: http://{HOST}:{port}/demo/")
    print(f"Console: http://{HOST}:{port}/admin/ admin {password}", flush=True)
    while True:
        check_children(children)
        time.sleep(0.2)


def choose_port() -> int:
    """Return PORT. Raises StartupError if it is invalid or in use."""
    text = os.environ.get("PORT") or "8000"
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65_536):
        raise StartupError(f"PORT must be an integer from 1 to 65535, not {text!r}.")
    os.environ["PORT"] = text
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as error:
            raise StartupError(
                f"Port {text} cannot be used: {error.strerror}. Choose another: make run PORT=8001"
            ) from None
    return int(text)


def choose_sms_gateway(port: int) -> None:
    """Send text messages to the phone of the demo, unless the environment configures a gateway."""
    if os.environ.get(SMS_GATEWAY):
        return
    os.environ[SMS_GATEWAY] = "rest"
    prefix = "TOKEN_SERVER_ENGINE_SMS_GATEWAY_REST_"
    os.environ[f"{prefix}URL"] = f"http://{HOST}:{port}/demo/sms"
    # Only the processes of this run know the password, so no other client can send messages to the phone.
    os.environ[f"{prefix}USERNAME"], os.environ[f"{prefix}PASSWORD"] = "countersign", secrets.token_urlsafe(32)


def set_up() -> tuple[Path, str]:
    """Migrate the database and configure the demo. Return VAR_DIR and the password of the console."""
    sys.path.insert(0, str(ROOT))
    # The settings read the environment variables set above, so Django is imported after that.
    import django  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415

    try:
        django.setup()
    except (ImproperlyConfigured, OSError) as error:
        raise StartupError(f"Configuration error: {error}") from None
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import CommandError, call_command  # noqa: PLC0415
    from django.db import DatabaseError, connections  # noqa: PLC0415

    from apps.common import database_errors  # noqa: PLC0415
    from apps.configuration.services import ConfigurationInvalid  # noqa: PLC0415
    from apps.demo import setup  # noqa: PLC0415
    from apps.system import keys  # noqa: PLC0415

    # The terminal shows warnings only. The set-up is recorded as events.
    logging.disable(logging.INFO)
    lock_var_dir(settings.VAR_DIR)
    try:
        if not is_migrated():
            call_command("migrate", verbosity=0)
        keys.verify()
        setup.configure()
        password = setup.console_password()
    except ImproperlyConfigured as error:
        raise StartupError(f"Configuration error: {error}") from None
    except DatabaseError as error:
        raise StartupError(database_errors.explain(error).text) from None
    except CommandError as error:
        raise StartupError(f"The database cannot be set up: {error}") from None
    except ConfigurationInvalid as error:
        raise StartupError(f"The demo cannot be configured: {'; '.join(error.problems)}") from None
    finally:
        connections.close_all()
    return settings.VAR_DIR, password


def is_migrated() -> bool:
    """Return True if all migrations are applied. This is much faster than `migrate`."""
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def lock_var_dir(var_dir: Path) -> None:
    """Lock VAR_DIR for this run. A second run would configure the same database for another port."""
    # The file stays open and locked until this process exits.
    lock = os.open(var_dir / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise StartupError(f"Another run uses {var_dir}. Stop it, or set VAR_DIR to another directory.") from None


class Child:
    """Process of the server: web or worker."""

    def __init__(self, name: str, arguments: list[str], log: Path) -> None:
        self.name = name
        self.log = log
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=prepare_child,  # noqa: PLW1509 - threads start after the last child
        )
        self._reader = threading.Thread(target=self._read, daemon=True)

    def follow(self) -> None:
        """Start writing its log file."""
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            for line in read_lines(self.process.stdout):
                log.write(line)
                if warning := format_warning(line):
                    print(f"{self.name}: {warning}", file=sys.stderr)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()

    def wait(self) -> None:
        try:
            self.process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reader.is_alive():
            self._reader.join(1)


def prepare_child() -> None:
    """Prepare the child process before it runs manage.py."""
    # Ctrl-C signals the whole process group: a starting child must not exit with a traceback. Running children set
    # their own handlers, and all children are sent SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # The children are stopped even if this process is killed.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def read_lines(stream: BinaryIO) -> Iterator[bytes]:
    with contextlib.suppress(ValueError, OSError):
        yield from stream


def format_warning(line: bytes) -> str:
    """Return a line for the terminal if the log line is a warning or an error, otherwise an empty string."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(entry, dict) or entry.get("level") not in WARNING_LEVELS:
        return ""
    skipped = {"level", "event", "timestamp", "logger", "exception", "request_id"}
    details = " ".join(f"{name}={value}" for name, value in entry.items() if name not in skipped)
    return f"{entry['level']}: {entry.get('event', '')} {details}".rstrip()


def wait_until_healthy(port: int, children: list[Child]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        check_children(children)
        try:
            with opener.open(f"http://{HOST}:{port}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise StartupError(f"The web process is unavailable after {START_TIMEOUT_SECONDS} seconds. See {children[0].log}.")


def check_children(children: list[Child]) -> None:
    """Raise StartupError if a process exited."""
    for child in children:
        code = child.process.poll()
        if code is not None:
            raise StartupError(f"The {child.name} process exited unexpectedly (exit code {code}). See {child.log}.")


if __name__ == "__main__":
    sys.exit(main())
