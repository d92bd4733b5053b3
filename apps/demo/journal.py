"""Journal of the demo: the latest requests with their times, for integrators."""

import itertools
import re
import threading
import time
from collections import deque
from enum import StrEnum
from typing import Any

KEPT_STEPS = 60
# The first eight characters of an id are enough to distinguish ids.
ID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


class Actor(StrEnum):
    PORTAL = "portal"
    PHONE = "phone"
    FCM = "fcm"
    SMS = "sms"
    SERVER = "server"


class Journal:
    """Latest steps, oldest first. `clear` does not restart the numbers, so that the page can recognize new steps."""

    def __init__(self) -> None:
        self._steps: deque[dict[str, Any]] = deque(maxlen=KEPT_STEPS)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def write(self, actor: Actor, call: str, note: str = "", *, failed: bool = False) -> None:
        """Add a step with the request as `call` and an explanation as `note`. Neither may contain a secret."""
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
