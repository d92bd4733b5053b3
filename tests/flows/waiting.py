"""Waiting for what has no event, always with a bound; and the times between requests."""

import time
from itertools import pairwise


def wait_until(condition, seconds=20):
    """Ask again and again until `condition()` is true; returns what it said."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
    return found


def gaps(requests):
    """Return the seconds between the requests that a stand-in heard."""
    return [later["at"] - earlier["at"] for earlier, later in pairwise(requests)]
