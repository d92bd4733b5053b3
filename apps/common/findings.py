"""What a check of the configuration finds."""

from dataclasses import dataclass
from enum import Enum


class Level(Enum):
    OK = "ok"
    WARNING = "warning"  # works today
    ERROR = "error"  # something does not work


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `about` names it, `text` says how it is, `remedy` how to mend it, in sentences."""

    level: Level
    about: str
    text: str
    remedy: str = ""
