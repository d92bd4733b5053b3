"""Authorization details (RFC 9396): what the client asks the user to approve, as structured data.

The device shows them as labelled lines and signs their canonical form (RFC 8785). Every string must be displayable as
it is, so that the signed data is what the user has read.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from apps.ciba.errors import InvalidAuthorizationDetails
from apps.transactions.request import messages

MAX_CHARACTERS = 8_000
MAX_OBJECTS = 10
MAX_DEPTH = 5
MAX_VALUES = 100
MAX_LINES_CHARACTERS = 3_000
# Members with a meaning in every type (RFC 9396, 2.2).
LISTS_OF_STRINGS = ("locations", "actions", "datatypes", "privileges")
MEMBER_NAME = re.compile(r"\S{1,64}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9]+([_-][A-Za-z0-9]+)*")
WORD_BOUNDARY = re.compile(r"[_-]|(?<=[a-z0-9])(?=[A-Z])")
# Line and paragraph separators, and surrogates. Control and format characters are checked by `messages`.
NOT_DISPLAYABLE = {"Cc", "Zl", "Zp", "Cs"}
SEPARATOR, EMPTY = " / ", "—"


@dataclass(frozen=True)
class AuthorizationDetails:
    """Validated details: the parsed `value`, the canonical JSON to sign, and the lines that the device shows."""

    value: list[dict[str, Any]]
    canonical: str
    lines: str


def parse(text: str, allowed_types: Collection[str]) -> AuthorizationDetails:
    """Return the authorization details of a request. Raises InvalidAuthorizationDetails with the reason."""
    value = _loads(text)
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise _invalid("The parameter authorization_details must be a JSON array of objects.")
    if len(value) > MAX_OBJECTS:
        raise _invalid(f"The parameter authorization_details has more than {MAX_OBJECTS} objects.")
    for each in value:
        _validate_type(each, allowed_types)
        _validate_common_members(each)
    _validate_values(value)
    lines = "\n\n".join("\n".join(_describe(each)) for each in value)
    if len(lines) > MAX_LINES_CHARACTERS:
        raise _invalid("The authorization details are too long to be shown on a phone.")
    return AuthorizationDetails(value, _canonical(value).decode(), lines)


def _loads(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise _invalid(f"The parameter authorization_details is longer than {MAX_CHARACTERS} characters.")
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_reject)
    except (ValueError, RecursionError):
        raise _invalid("The parameter authorization_details is not valid JSON, or repeats a member.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object. Raises ValueError for a repeated name, which parsers read differently."""
    if len({name for name, _value in pairs}) < len(pairs):
        raise ValueError("a repeated member")
    return dict(pairs)


def _reject(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _validate_type(element: Mapping[str, Any], allowed_types: Collection[str]) -> None:
    name = element.get("type")
    if not isinstance(name, str) or not name:
        raise _invalid("Each object of authorization_details needs a type.")
    if name not in allowed_types:
        raise _invalid("This client cannot use this type of authorization details.")


def _validate_common_members(element: Mapping[str, Any]) -> None:
    for name in LISTS_OF_STRINGS:
        value = element.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise _invalid(f"The member {name} must be an array of strings.")
    if not isinstance(element.get("identifier", ""), str):
        raise _invalid("The member identifier must be a string.")


def _validate_values(value: list[dict[str, Any]]) -> None:
    for number, (text, is_name) in enumerate(_walk(value, MAX_DEPTH), 1):
        if number > MAX_VALUES:
            raise _invalid(f"The authorization details have more than {MAX_VALUES} values.")
        if not _is_displayable(text) or (is_name and not MEMBER_NAME.fullmatch(text)):
            raise _invalid(
                "The authorization details contain a name or text that cannot be displayed as it is on a phone."
            )


def _walk(value: Any, levels: int) -> Iterator[tuple[str, bool]]:
    """Yield all names and values as text, and whether each is a name."""
    if isinstance(value, dict | list) and not levels:
        raise _invalid(f"The authorization details are nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, dict):
        for name, child in value.items():
            yield name, True
            yield from _walk(child, levels - 1)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child, levels - 1)
    else:
        yield value if isinstance(value, str) else "", False


def _is_displayable(text: str) -> bool:
    if any(unicodedata.category(character) in NOT_DISPLAYABLE for character in text):
        return False
    return not text or messages.clean(text) == text


def _canonical(value: Any) -> bytes:
    try:
        return rfc8785.dumps(value)
    except ValueError:
        raise _invalid("A number in the authorization details is too large. Send it as a string.") from None


def _describe(element: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an object: its type, then a line for each value, in the order of the request."""
    yield _label(element["type"])
    yield from _describe_members({name: value for name, value in element.items() if name != "type"}, "")


def _describe_members(members: Mapping[str, Any], path: str) -> Iterator[str]:
    # Two names that differ only in their spelling must not get the same label.
    labels = Counter(map(_label, members))
    for name, value in members.items():
        label = _label(name) if labels[_label(name)] == 1 else name
        yield from _describe_value(value, f"{path}{SEPARATOR}{label}" if path else label)


def _describe_value(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield from _describe_members(value, path)
    elif isinstance(value, list) and not _fits_on_a_line(value):
        for number, child in enumerate(value, 1):
            yield from _describe_value(child, f"{path} {number}")
    else:
        yield f"{path}: {_display(value)}"


def _fits_on_a_line(values: list[Any]) -> bool:
    """Return True if the values can be separated by commas without ambiguity."""
    return not any(isinstance(value, dict | list) or "," in str(value) for value in values)


def _display(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_display, value)) or EMPTY
    # Spaces are shown as one, because a long row of them looks like the beginning of another line.
    text = " ".join(value.split()) if isinstance(value, str) else _canonical(value).decode()
    return EMPTY if text in ("", "null", "{}") and not isinstance(value, str) else text or EMPTY


def _label(name: str) -> str:
    """Return a name as words: `instructedAmount` and `instructed_amount` as “Instructed amount”."""
    if not PLAIN_NAME.fullmatch(name):
        return name
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in WORD_BOUNDARY.split(name)]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _invalid(reason: str) -> InvalidAuthorizationDetails:
    return InvalidAuthorizationDetails(reason)
