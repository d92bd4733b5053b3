"""Polling for a condition with a timeout, and intervals between requests."""

import time
from itertools import pairwise


def wait_until(condition, seconds=20):
    """Poll until `condition()` is true. Return its result."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return result


def gaps(requests):
    """Return the seconds between requests that a fake received."""
    return [later["at"] - earlier["at"] for earlier, later in pairwise(requests)]
