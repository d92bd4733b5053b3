"""Problems of a configuration file, each with its path."""

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class ConfigurationInvalid(Exception):
    """The file was rejected and nothing changed. `problems` contains lines of the form `PATH: text`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class InvalidValue(Exception):
    """A value is invalid. `problems` are pairs of the path below the member (`[1]`, `.nl` or empty) and the text."""

    def __init__(self, *problems: tuple[str, str]) -> None:
        self.problems = problems
        super().__init__()


def invalid_value(error: ValidationError, subpath: str = "") -> InvalidValue:
    return InvalidValue(*((subpath, text) for text in error.messages))


def format_problem(path: str, text: str) -> str:
    """Build the line of a problem. Control characters of the file are replaced by spaces, to keep it one line."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cs") else character for character in f"{path}: {text}"
    )


def unknown_name(name: object, known: Iterable[str]) -> str:
    """Return the text for an unknown name: it suggests a similar name or lists the known names."""
    names = list(known)
    nearest = get_close_matches(str(name), names, n=1, cutoff=0.5)
    if nearest:
        return _("Unknown. Did you mean “%(name)s”?") % {"name": nearest[0]}
    return _("Unknown. Known names: %(names)s.") % {"names": ", ".join(names)}


def did_you_mean(name: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.5)
    return " " + _("Did you mean “%(name)s”?") % {"name": nearest[0]} if nearest else ""
