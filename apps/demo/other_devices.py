"""Messages for devices of other programs that use this server."""

import itertools
import threading
import time
from collections import deque
from typing import Any

from apps.common import untrusted_json
from apps.sms import services as sms

MAX_MESSAGES = 20
TOKEN_CHARACTERS = 12
# Longer than any push and most SMS.
MAX_MESSAGE_CHARACTERS = 1000


class OtherDevices:
    """Latest messages, oldest first. `clear` does not restart the numbers."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque(maxlen=MAX_MESSAGES)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def receive_push(self, message: dict[str, Any]) -> None:
        """Add a message of FCM with any push token."""
        token = str(message["token"])
        shortened = token if len(token) <= TOKEN_CHARACTERS else f"{token[:TOKEN_CHARACTERS]}…"
        self._append("push", shortened, _push_message(message))

    def receive_sms(self, content: dict[str, Any]) -> bool:
        """Add a message of the SMS gateway. Return False if its number is not valid."""
        number = sms.normalize_number(str(content.get("phone_number", "")))
        if number:
            self._append("sms", number, str(content.get("message", "")))
        return bool(number)

    def _append(self, kind: str, recipient: str, message: str) -> None:
        with self._lock:
            self._messages.append(
                {
                    "number": next(self._numbers),
                    "at": round(time.time() * 1000),
                    "kind": kind,
                    "recipient": recipient,
                    "message": message[:MAX_MESSAGE_CHARACTERS],
                }
            )

    def messages(self) -> list[dict[str, Any]]:
        """Return members `number`, `at` (ms since the epoch), `kind` (push or sms), `recipient`, `message`."""
        with self._lock:
            return list(self._messages)

    def clear(self) -> None:
        with self._lock:
            self._messages.clear()


def _push_message(message: dict[str, Any]) -> str:
    """Return the public message of a push; empty if its format is unknown."""
    try:
        return str(untrusted_json.loads(message["data"]["content"])["og_message"])
    except (KeyError, TypeError, ValueError):
        return ""
