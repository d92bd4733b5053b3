"""Times as the APIs write them."""

from datetime import datetime


def milliseconds(moment: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)
