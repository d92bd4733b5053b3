"""Command line of the bench. Each round of a step has a time limit; a step that fails does not end the run."""

import atexit
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from bench import machine, options, processes, product, rounds, steps, table
from bench.jobs.base import Session

USERS = 64


class Report:
    """Results of a run: written to a file after each step, and printed at the end."""

    def __init__(self, selected: options.Options) -> None:
        self._options = selected
        self._results: list[rounds.Result] = []
        self._machine = machine.describe()
        roots = {rounds.THIS: processes.ROOT, **({rounds.OTHER: selected.against} if selected.against else {})}
        self._checkouts = {label: machine.commit(root) for label, root in roots.items()}

    def add(self, result: rounds.Result) -> None:
        self._results.append(result)
        if self._options.json:
            # Another program can read the file at any time.
            temporary = self._options.json.with_name(self._options.json.name + ".new")
            temporary.write_text(self._as_json() + "\n")
            temporary.replace(self._options.json)

    def text(self) -> str:
        if self._options.format == "json":
            return self._as_json()
        heading = machine.heading(self._machine, self._checkouts)
        return table.render(self._results, heading, markdown=self._options.format == "markdown")

    def _as_json(self) -> str:
        content: dict[str, Any] = {
            "machine": self._machine,
            "checkouts": self._checkouts,
            "options": {name: str(value) for name, value in vars(self._options).items()},
            "steps": {result.step.name: result.as_json() for result in self._results},
        }
        return json.dumps(content, indent=2)


@contextlib.contextmanager
def sessions(directory: Path, selected: options.Options) -> Iterator[dict[str, Session]]:
    """Start the installations, and yield a session with users for each."""
    roots = {rounds.THIS: processes.ROOT, **({rounds.OTHER: selected.against} if selected.against else {})}
    with contextlib.ExitStack() as stack:
        started = {}
        for label, root in roots.items():
            installed = product.installed(root, directory / label, selected.backend, selected.web_workers)
            installation = stack.enter_context(installed)
            installation.keys = selected.keys
            started[label] = Session(installation, selected.clients)
            started[label].enroll(USERS)
        yield started


def run(selected: options.Options, directory: Path, report: Report) -> None:
    def log(text: str) -> None:
        if selected.verbose or sys.stderr.isatty():
            print(f"bench: {text}", file=sys.stderr, flush=True)

    log("starting")
    with sessions(directory, selected) as started:
        for name in selected.only:
            report.add(rounds.run(steps.STEPS[name], started, selected, log))


def stop(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"ended by {signal.Signals(number).name}")


def main() -> None:
    selected = options.parse(sys.argv[1:], list(steps.STEPS), steps.QUICK)
    signal.signal(signal.SIGTERM, stop)
    directory = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    # The database server can run as another user, which needs access to its files.
    directory.chmod(0o755)
    # Registered before the termination of the servers, so that it runs after it.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    report, error = Report(selected), ""
    try:
        run(selected, directory, report)
    except (processes.NotRunning, KeyboardInterrupt) as reason:
        error = str(reason) or "interrupted"
    print(report.text())
    sys.exit(f"bench: {error}" if error else os.EX_OK)


if __name__ == "__main__":
    main()
