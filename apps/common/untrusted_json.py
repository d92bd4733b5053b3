"""Parsing of JSON from other systems."""

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """Parse a JSON text. Raises ValueError if it is not JSON or too deeply nested."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
