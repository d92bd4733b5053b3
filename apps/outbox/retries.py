"""Times of retries: backoff windows with jitter, and Retry-After."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

MAX_RETRY_AFTER_SECONDS = 24 * 3600


Window = tuple[float, float]


def random_delay(window: Window) -> float:
    """Return a random delay within a window of seconds (jitter), to spread the retries of simultaneous failures."""
    return random.uniform(*window)  # noqa: S311 - not used for security


# Delay in seconds before each retry of a push or SMS. Four retries make five attempts.
MESSAGE_RETRY_WINDOWS = ((1, 2), (3, 6), (10, 20), (30, 60))


def next_attempt_at(
    attempts_made: int,
    retry_after: float | None,
    *,
    before: datetime,
    windows: Sequence[Window] = MESSAGE_RETRY_WINDOWS,
) -> datetime | None:
    """Return the time of the next attempt, or None if no attempt is left or it would not be `before` the limit.

    The next attempt is not made before the seconds of Retry-After have passed.
    """
    if attempts_made > len(windows):
        return None
    delay = max(random_delay(windows[attempts_made - 1]), retry_after or 0)
    due_at = timezone.now() + timedelta(seconds=delay)
    return due_at if due_at < before else None


def parse_retry_after(text: str) -> float | None:
    """Return the seconds of a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date), or None if it is invalid."""
    seconds = float(text[:9]) if text.isascii() and text.isdigit() else _seconds_until(text)
    return min(seconds, MAX_RETRY_AFTER_SECONDS) if seconds >= 0 else None


def _seconds_until(date: str) -> float:
    """Return the seconds until an HTTP date, 0 if it has passed, or -1 if it is invalid."""
    try:
        retry_at: datetime = parsedate_to_datetime(date)
        return max((retry_at.replace(tzinfo=retry_at.tzinfo or UTC) - timezone.now()).total_seconds(), 0)
    except (TypeError, ValueError, LookupError, OverflowError):
        # OverflowError: the time zone is out of the range of datetime.
        return -1
