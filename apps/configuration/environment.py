"""Replace `{env: NAME}` in a configuration file by the value of the environment variable."""

import os
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from apps.common import untrusted_json


class FromEnvironment(str):
    """Value of a variable. Members of other types than text read it as JSON."""

    __slots__ = ()


def parse_variable(value: object) -> object:
    """Return the parsed JSON of a variable. Return all other values unchanged."""
    if not isinstance(value, FromEnvironment):
        return value
    try:
        return untrusted_json.loads(value)
    except ValueError:
        return value


def references(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every `{env: NAME}` below `value`."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from references(item, f"{path}[{number}]")
    elif isinstance(value, dict) and set(value) == {"env"}:
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from references(item, f"{path}.{name}" if path else str(name))


def resolve(value: Any, report: Callable[[str, str], None], path: str = "") -> Any:
    """Replace every `{env: NAME}` below `value`. A failure is reported with `report(path, text)` and becomes None."""
    if isinstance(value, list):
        return [resolve(item, report, f"{path}[{number}]") for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if set(value) != {"env"}:
        return {name: resolve(item, report, f"{path}.{name}" if path else str(name)) for name, item in value.items()}
    variable = value["env"]
    if not isinstance(variable, str) or not variable or "\0" in variable or "=" in variable:
        report(path, _("Must name an environment variable, as in {env: NAME}."))
        return None
    if variable not in os.environ:
        report(path, _("The environment variable %(name)s is not set.") % {"name": variable})
        return None
    return FromEnvironment(os.environ[variable])
