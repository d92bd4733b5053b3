"""Options of the command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from apps.demo.device import KEY_KINDS
from bench.product import BACKENDS

MAX_PORTALS = 128
FORMATS = ("table", "markdown", "json")


@dataclass(frozen=True)
class Options:
    """Parsed options. `against` is the checkout to compare with."""

    only: tuple[str, ...]
    against: Path | None
    rounds: int
    jobs: int
    clients: int
    portals: tuple[int, ...]
    seconds: float
    pushes: int
    callbacks: int
    deliveries: int
    provider_ms: int
    keys: str
    backend: str
    web_workers: int
    time_limit: int
    format: str
    json: Path | None
    verbose: bool
    counts: bool


def parse(arguments: list[str], names: list[str], quick_names: list[str]) -> Options:
    """Parse the command line. `names` are the steps that can be selected."""
    values = vars(_parser(names).parse_args(arguments))
    quick = values.pop("quick")
    defaults = QUICK if quick else FULL
    values = {name: defaults.get(name) if value is None else value for name, value in values.items()}
    values["counts"] = values["counts"] or not quick
    values["only"] = tuple(values["only"] or (quick_names if quick else names))
    return Options(**values)


FULL = {"rounds": 3, "jobs": 200, "seconds": 8.0, "pushes": 5000, "callbacks": 2000, "deliveries": 20_000}
QUICK = {"rounds": 1, "jobs": 60, "seconds": 3.0, "pushes": 1000, "callbacks": 500, "deliveries": 3000}


def _parser(names: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure logins through Countersign's own processes on this machine."
    )
    add = parser.add_argument
    add("--only", type=selection(names), metavar="NAME[,NAME]", help=f"jobs to run: {', '.join(names)}")
    add("--against", type=checkout, metavar="PATH", help="another checkout, which is measured alternately")
    add("--quick", action="store_true", help="short run of the most important jobs")
    add("--rounds", type=positive, help="rounds of each job (default: 3)")
    add("--jobs", type=positive, help="jobs in a round (default: 200)")
    add("--clients", type=positive, default=8, help="concurrent clients (default: 8)")
    add("--portals", type=levels, default=(1, 8, 32), help="concurrent portals of `latency` (default: 1,8,32)")
    add("--seconds", type=float, help="length of a level of `latency`, `burst` and `scaling` (default: 8)")
    add("--pushes", type=positive, help="due pushes of `push-drain` (default: 5000)")
    add("--callbacks", type=positive, help="due callbacks of `callback-drain` (default: 2000)")
    add("--deliveries", type=positive, help="deliveries of `held-snapshot` (default: 20000)")
    add("--provider-ms", type=int, default=150, help="response time of the slow push provider (default: 150)")
    add("--counts", action="store_true", help="with --quick: also count commits and rows (20 s more for each job)")
    add("--keys", choices=KEY_KINDS, default="jose", help="keys of the devices (default: jose)")
    add("--backend", choices=BACKENDS, default="postgres", help="default: postgres, with Redis")
    add("--web-workers", type=positive, default=1, help="web processes (default: 1, as the server)")
    add("--time-limit", type=positive, default=300, help="seconds of a round of a job (default: 300)")
    add("--format", choices=FORMATS, default="table", help="what is printed")
    add("--json", type=Path, metavar="FILE", help="also write the results to FILE, after each job")
    add("-v", "--verbose", action="store_true", help="print the progress")
    return parser


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a number above 0")
    return number


def levels(text: str) -> tuple[int, ...]:
    """Parse `--portals`: numbers from 1 to 128, separated by commas."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(1 <= number <= MAX_PORTALS for number in numbers):
        raise argparse.ArgumentTypeError(f"numbers from 1 to {MAX_PORTALS}, separated by commas")
    return numbers


def checkout(text: str) -> Path:
    path = Path(text).resolve()
    for needed in ("manage.py", ".venv/bin/python"):
        if not (path / needed).exists():
            raise argparse.ArgumentTypeError(f"{path / needed} does not exist")
    return path


class selection:  # noqa: N801 - used as a function
    """Parser of `--only`."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __call__(self, text: str) -> tuple[str, ...]:
        selected = tuple(text.split(","))
        unknown = [name for name in selected if name not in self._names]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(self._names)}")
        return selected
