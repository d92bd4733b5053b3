"""Read and write configuration files in YAML and JSON.

Plain values follow YAML 1.2: `no` is text (also a language) and `010` is not the number eight. Aliases and tags are
rejected. Errors never quote the file, because it can contain secrets.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml
from django.utils.translation import gettext as _

from apps.configuration.problems import ConfigurationInvalid, format_problem

MAX_BYTES = 5 * 1024 * 1024
# Deeper than any section, and far below the recursion limit of the interpreter.
MAX_DEPTH = 50
FORMATS = ("yaml", "json")

# The pure Python classes are slower, and are used if libyaml is missing.
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BaseDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

TAG = "tag:yaml.org,2002:"
SCALARS: dict[str, Callable[[str], Any]] = {
    f"{TAG}str": str,
    f"{TAG}null": lambda _text: None,
    f"{TAG}bool": lambda text: text.lower() == "true",
    f"{TAG}int": int,
    f"{TAG}float": float,
}
PLAIN = [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)?\.[0-9]+|[-+]?(0|[1-9][0-9]*)\.", list("-+.0123456789")),
]

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
# The name of a member with its colon, any other string, the beginning or the end of an object.
JSON_TOKEN = re.compile(rf"(?P<name>{_STRING})\s*:|{_STRING}|[{{}}]", re.DOTALL)


class Loader(_BaseLoader):  # type: ignore[misc]
    """YAML parser. `_value` converts its nodes to Python."""

    yaml_implicit_resolvers: dict[str, Any] = {}


for _tag, _pattern, _first in PLAIN:
    Loader.add_implicit_resolver(f"{TAG}{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


class Dumper(_BaseDumper):  # type: ignore[misc]
    """YAML writer that uses blocks for texts of several lines, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar(f"{TAG}str", text, style="|" if "\n" in text else None)


Dumper.add_representer(str, _represent_text)


class UnsupportedYaml(Exception):
    """Valid YAML that a configuration file must not use. `number` is the line, starting at 1."""

    def __init__(self, number: int, text: str) -> None:
        self.number, self.text = number, text
        super().__init__(text)


def load(content: bytes) -> object:
    """Parse a file. Raises ConfigurationInvalid with the line of the error."""
    if len(content) > MAX_BYTES:
        raise _invalid(_("The file is larger than %(limit)d bytes.") % {"limit": MAX_BYTES})
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _invalid(_("The file is not UTF-8."), content[: error.start].count(b"\n") + 1) from None
    try:
        data = _parse(text)
    except UnsupportedYaml as error:
        raise _invalid(error.text, error.number) from None
    except RecursionError:
        raise _too_deep() from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _invalid(_("The file is not valid YAML or JSON."), mark.line + 1 if mark else None) from None
    except yaml.YAMLError:
        raise _invalid(_("The file contains a character that YAML and JSON do not allow.")) from None
    if _is_too_deep(data):
        raise _too_deep()
    return data


def _is_too_deep(data: object) -> bool:
    level = [data]
    for _depth in range(MAX_DEPTH):
        level = [inner for value in level for inner in _parts(value)]
        if not level:
            return False
    return True


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> ConfigurationInvalid:
    return _invalid(_("The file is nested too deeply."))


def _invalid(text: str, number: int | None = None) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        [format_problem(_("line %(number)d") % {"number": number} if number else _("file"), text)]
    )


def _parse(text: str) -> object:
    """Parse text. Text that begins like JSON is parsed as JSON first, because YAML reads some escapes differently."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text, object_pairs_hook=_unique_object)
        except _DuplicateKey:
            raise _find_duplicate(text) from None
        except ValueError:
            pass
    loader = Loader(text)
    try:
        node = loader.get_node() if loader.check_node() else None
        if loader.check_node():
            raise UnsupportedYaml(loader.get_node().start_mark.line + 1, _("A file must contain one document only."))
    finally:
        loader.dispose()
    return _value(node, set()) if node else None


class _DuplicateKey(Exception):
    """A JSON object has two members with the same name. The parser does not report the line."""


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateKey
    return found


def _find_duplicate(text: str) -> UnsupportedYaml:
    """Find the first duplicate member of an object. The text is valid JSON up to the end of that object."""
    names: list[set[str]] = []
    for token in JSON_TOKEN.finditer(text):
        if token["name"]:
            name = json.loads(token["name"])
            if name in names[-1]:
                return _duplicate_key(text.count("\n", 0, token.start()) + 1, name)
            names[-1].add(name)
        elif token[0] == "{":
            names.append(set())
        elif token[0] == "}":
            names.pop()
    raise AssertionError("no duplicate member")


def _duplicate_key(number: int, name: str) -> UnsupportedYaml:
    return UnsupportedYaml(number, _("Duplicate key “%(name)s”.") % {"name": name})


def _value(node: Any, seen: set[int]) -> Any:
    """Convert a node to plain Python. A repeated node is an alias, which could expand a small file to a huge one."""
    number = node.start_mark.line + 1
    if id(node) in seen:
        raise UnsupportedYaml(number, _("Aliases are not supported. Repeat the value."))
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
        return [_value(entry, seen) for entry in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
        return _mapping(node, seen)
    if isinstance(node, yaml.ScalarNode) and node.tag in SCALARS:
        try:
            return SCALARS[node.tag](node.value)
        except ValueError:
            pass
    raise UnsupportedYaml(number, _("Tags are not supported."))


def _mapping(node: Any, seen: set[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in node.value:
        number = name.start_mark.line + 1
        if not isinstance(name, yaml.ScalarNode):
            raise UnsupportedYaml(number, _("The name of a member must be text."))
        if name.value in found:
            raise _duplicate_key(number, name.value)
        found[name.value] = _value(value, seen)
    return found


def dump(data: object, file_format: str) -> str:
    """Return a configuration as text. `load` returns the same data."""
    if file_format == "json":
        return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
