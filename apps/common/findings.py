"""Findings of the configuration check."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    """Severity of a finding."""

    OK = "ok"
    # It works now.
    WARNING = "warning"
    # It does not work.
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """Result of one check. `about` names the item; `text` (its state) and `remedy` are sentences."""

    level: Level
    about: str
    text: str
    remedy: str = ""
