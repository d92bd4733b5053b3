"""Reading JSON that others wrote."""

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """Parse a text; ValueError when it is no JSON, or nested more deeply than can be followed."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
