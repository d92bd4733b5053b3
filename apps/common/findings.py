"""Findings of the configuration check."""

from dataclasses import dataclass
from enum import Enum

from apps.common.console.documents import Document
from apps.common.console.problems import Problem


class Level(Enum):
    """Severity of a finding."""

    OK = "ok"
    # It works now.
    WARNING = "warning"
    # It does not work.
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """Result of one check. `about` names the item; `text` (its state) and `remedy` are sentences.

    `documents` explain the finding, and `url` is the console page for the fix.
    """

    level: Level
    about: str
    text: str
    remedy: str = ""
    documents: tuple[Document, ...] = ()
    url: str = ""


def from_problem(problem: Problem, level: Level) -> Finding:
    """Return a problem of the start page as a finding, with the same words."""
    return Finding(level, str(problem.title), str(problem.description), "", problem.documents, problem.url)


def to_problem(finding: Finding) -> Problem:
    """Return a finding as a problem of the start page, with the same words."""
    title = finding.about[:1].upper() + finding.about[1:]
    description = f"{finding.text} {finding.remedy}".rstrip()
    is_failure = finding.level == Level.ERROR
    return Problem(title, title, description, is_failure=is_failure, url=finding.url, documents=finding.documents)
