"""Rounds of a step, which alternate between the installations, and the summary of their figures."""

import signal
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from bench import database
from bench.jobs.base import Session
from bench.options import Options

Figures = dict[str, Any]
Measure = Callable[[Session, Options], Figures]
THIS, OTHER = "this", "other"


@dataclass(frozen=True)
class Step:
    """Measurement that can be selected.

    `measure` returns the figures of one round of an installation. `finish` returns further figures, after the rounds.
    A step that `runs_once` has one round. A step that is `own_only` measures this checkout only, from the inside.
    With `lines`, the figures of an installation are not compared, but formatted as lines. `min_time_limit` is in
    seconds.
    """

    name: str
    title: str
    measure: Measure
    finish: Measure | None = None
    runs_once: bool = False
    own_only: bool = False
    is_job: bool = False
    lines: Callable[[Figures], list[str]] | None = None
    min_time_limit: int = 0


@dataclass
class Result:
    """Result of a step: for each installation the values of each figure, one per round, or the error of the step."""

    step: Step
    values: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    details: dict[str, Figures] = field(default_factory=dict)
    error: str = ""

    def add(self, label: str, figures: Figures) -> None:
        if self.step.lines:
            self.details[label] = figures
            return
        for name, value in figures.items():
            if isinstance(value, int | float):
                self.values.setdefault(label, {}).setdefault(name, []).append(float(value))
            else:
                self.details.setdefault(label, {})[name] = value

    def median(self, label: str, name: str) -> float | None:
        values = self.values.get(label, {}).get(name)
        return statistics.median(values) if values else None

    def ratio(self, name: str) -> float | None:
        """Return the ratio of the medians, this to other."""
        this, other = self.median(THIS, name), self.median(OTHER, name)
        return this / other if this is not None and other else None

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.step.title,
            "error": self.error,
            "figures": {
                label: {name: {**spread(values), "rounds": rounded(values)} for name, values in figures.items()}
                for label, figures in self.values.items()
            },
            "ratios": {
                name: round(ratio, 4) for name in self.values.get(OTHER, {}) if (ratio := self.ratio(name)) is not None
            },
            "details": self.details,
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    median, low, high = rounded([statistics.median(values), min(values), max(values)])
    return {"median": median, "min": low, "max": high}


def rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 4) for value in values]


def run(step: Step, sessions: dict[str, Session], options: Options, log: Callable[[str], None]) -> Result:
    """Run all rounds of a step. An error ends the step and is part of its result."""
    result = Result(step)
    measured = {
        label: session for label, session in sessions.items() if session.installation.is_own or not step.own_only
    }
    time_limit = max(options.time_limit, step.min_time_limit)
    try:
        for number in range(1 if step.runs_once else options.rounds):
            for label, session in measured.items():
                log(f"{step.name}: round {number + 1}, {label}")
                with _active(session, sessions), _time_limit(time_limit):
                    result.add(label, step.measure(session, options))
        for label, session in measured.items() if step.finish else ():
            with _active(session, sessions), _time_limit(time_limit):
                result.add(label, step.finish(session, options) if step.finish else {})
    except Exception as error:  # noqa: BLE001 - other steps continue
        result.error = f"{type(error).__name__}: {error}"
        for session in measured.values():
            database.give_up(session.connection)
    return result


@contextmanager
def _active(session: Session, sessions: dict[str, Session]) -> Iterator[None]:
    """Resume one installation and pause the others."""
    for other in sessions.values():
        if other is not session:
            other.installation.pause()
    session.installation.resume()
    yield


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after this time."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the time limit of {seconds} s was exceeded")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
