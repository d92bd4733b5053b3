"""When to try again."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from django.utils import timezone

MAX_RETRY_AFTER_SECONDS = 24 * 3600


Window = tuple[float, float]


def random_delay(window: Window) -> float:
    """Return a random wait within a window of seconds, so that what failed together does not come back together."""
    return random.uniform(*window)  # noqa: S311 - spreads load, guards nothing


# Seconds to wait before each retry of a push or a text message, as windows: four retries make the five tries allowed.
MESSAGE_RETRY_WINDOWS = ((1, 2), (3, 6), (10, 20), (30, 60))


def next_attempt_at(
    attempts_made: int,
    retry_after: float | None,
    *,
    before: datetime,
    windows: Sequence[Window] = MESSAGE_RETRY_WINDOWS,
) -> datetime | None:
    """Return when to try again; None when the tries are used up or the next one would come too late.

    `retry_after` is the other side's Retry-After: never earlier than that.
    """
    if attempts_made > len(windows):
        return None
    moment = timezone.now() + timedelta(seconds=max(random_delay(windows[attempts_made - 1]), retry_after or 0))
    return moment if moment < before else None


def parse_retry_after(text: str) -> float | None:
    """Read a `Retry-After` header (RFC 9110, 10.2.3: seconds or a date); None when there is none that makes sense."""
    wait = float(text[:9]) if text.isascii() and text.isdigit() else _until(text)
    return min(wait, MAX_RETRY_AFTER_SECONDS) if wait >= 0 else None


def _until(text: str) -> float:
    try:
        moment: datetime = parsedate_to_datetime(text)
        return max((moment.replace(tzinfo=moment.tzinfo or UTC) - timezone.now()).total_seconds(), 0)
    except (TypeError, ValueError, LookupError, OverflowError):
        # A time zone may be so far away that no clock of ours can say how far.
        return -1
