"""Content of sealed messages: JSON objects."""

import json
from typing import Any

# A challenge with the longest texts of a portal is shorter.
MAX_MESSAGE_BYTES = 1024 * 1024


def check_size(message: str | bytes) -> None:
    """Raise ValueError if a message or its content is too long."""
    if len(message) > MAX_MESSAGE_BYTES:
        raise ValueError("the message is too long")


def parse(data: bytes) -> dict[str, Any]:
    """Return the JSON object of an opened message. Raises ValueError for any other content."""
    check_size(data)
    try:
        content = json.loads(data.decode())
    except RecursionError:
        raise ValueError("the message is nested too deeply") from None
    if not isinstance(content, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - all errors of keys and messages are ValueError
    return content
