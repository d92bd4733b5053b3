"""Programs that a test starts, kills and restarts, each with its log."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """Python program with its child processes, in a separate process group. Its output is written to a log file."""

    def __init__(self, name, arguments, environment, directory):
        self.name = name
        self._arguments = [sys.executable, *arguments]
        self._environment = environment
        self._log = directory / f"{name}.log"
        self._read = self._started_at = 0
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self._started_at = len(self.log())
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """`kill -9` of the program and all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Stop the program with a signal, as an operator does. Return its exit code and the seconds until it ended."""
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        return code, time.monotonic() - started

    def wait_for(self, text, seconds=30):
        """Wait until the log of this run contains `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.log()[self._started_at :]:
            assert self.alive(), f"{self.name} ended:\n{self.log()[-3000:]}"
            assert time.monotonic() < deadline, f"{self.name} did not log {text!r}:\n{self.log()[-3000:]}"
            time.sleep(0.02)

    def log(self):
        return self._log.read_text() if self._log.exists() else ""

    def new_log_lines(self):
        """Return the log lines since the last call."""
        text = self.log()
        lines, self._read = text[self._read :], len(text)
        return lines


class FakeServerProgram:
    """Fake server in a separate process. `description` is the line that it prints."""

    def __init__(self, module):
        self.process = subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        self.description = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self.description

    def __exit__(self, *exception):
        # Terminated first, because some fakes delete their files at exit.
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()
