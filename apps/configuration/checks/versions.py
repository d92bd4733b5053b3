"""Check for versions of applications without push."""

from collections.abc import Iterator

from apps.applications.problems import problems
from apps.common.findings import Finding, Level, from_problem


def check() -> Iterator[Finding]:
    yield from (from_problem(problem, Level.WARNING) for problem in problems())
