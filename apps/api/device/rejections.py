"""Equal response times of rejected sealed messages."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from apps.common import errors

# Longer than the verification of a message.
REJECTION_SECONDS = 0.01


@contextmanager
def constant_rejection_time() -> Iterator[None]:
    """Delay InvalidMessage until a fixed time after the start.

    The response time does not reveal which check rejected a message: its form, encryption, signature or content.
    """
    started_at = monotonic()
    try:
        yield
    except errors.InvalidMessage:
        sleep(max(0, started_at + REJECTION_SECONDS - monotonic()))
        raise
