"""Timestamps of the APIs."""

from datetime import datetime


def milliseconds(timestamp: datetime) -> int:
    """Return milliseconds since the epoch."""
    return round(timestamp.timestamp() * 1000)
