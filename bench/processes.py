"""Child processes of the bench: start, pause and termination."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

END_SECONDS = 15
ROOT = Path(__file__).resolve().parent.parent


class NotRunning(Exception):
    """Process that did not start or does not do its work. The text names it and contains its output."""


def start_fake(command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a Python module of this checkout with pipes. It runs in its own session, so Ctrl-C does not reach it."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """Terminate a process; after a timeout, kill it with its children."""
    members = [member.pid for member in family(process.pid)]
    if process.stdin:
        process.stdin.close()
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
        return
    send_signal(members, signal.SIGKILL)
    process.wait(END_SECONDS)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none if it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def listener(broker_url: str) -> int:
    """Return the pid of the child that serves the port of the broker."""
    port = int(broker_url.rpartition(":")[2].split("/")[0])
    for child in psutil.Process().children(recursive=True):
        if any(connection.laddr.port == port for connection in child.net_connections("tcp")):
            return int(child.pid)
    raise NotRunning("the process of the broker was not found")
