"""What just happened: the steps of the demo with their times, for an integrator to read."""

import itertools
import re
import threading
import time
from collections import deque
from enum import StrEnum
from typing import Any

KEPT_STEPS = 60
# Ids are as long as they are dull: the first eight characters tell them apart.
ID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


class Actor(StrEnum):
    PORTAL = "portal"
    PHONE = "phone"
    FCM = "fcm"
    SMS = "sms"
    SERVER = "server"


class Journal:
    """The last steps, oldest first. Numbers go on over a clearing, so that a reader can tell new from known."""

    def __init__(self) -> None:
        self._steps: deque[dict[str, Any]] = deque(maxlen=KEPT_STEPS)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def write(self, actor: Actor, call: str, note: str = "", *, failed: bool = False) -> None:
        """Add a step: `call` as a programmer would write it, `note` for people. Never a secret in either."""
        with self._lock:
            self._steps.append(
                {
                    "number": next(self._numbers),
                    "at": round(time.time() * 1000),
                    "actor": actor.value,
                    "call": ID.sub(r"\1…", call),
                    "note": note,
                    "failed": failed,
                }
            )

    def steps(self) -> list[dict[str, Any]]:
        """Return members `number`, `at` (ms since the epoch), `actor`, `call`, `note`, `failed`."""
        with self._lock:
            return list(self._steps)

    def clear(self) -> None:
        with self._lock:
            self._steps.clear()
