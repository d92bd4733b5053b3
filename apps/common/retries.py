"""When to try again."""

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from django.utils import timezone

MAX_RETRY_AFTER_SECONDS = 24 * 3600


def jittered(window: tuple[float, float]) -> float:
    """Return a random wait within a window of seconds, so that what failed together does not come back together."""
    return random.uniform(*window)  # noqa: S311 - spreads load, guards nothing


def retry_after_seconds(text: str) -> float | None:
    """Read a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date); None when there is none that makes sense."""
    wait = float(text[:9]) if text.isascii() and text.isdigit() else _until(text)
    return min(wait, MAX_RETRY_AFTER_SECONDS) if wait >= 0 else None


def _until(text: str) -> float:
    try:
        moment: datetime = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return -1
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - timezone.now()).total_seconds(), 0)
