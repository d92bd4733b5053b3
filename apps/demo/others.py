"""Pushes and texts for devices that are not on the demo's page: those of other programs that use this server."""

import itertools
import threading
import time
from collections import deque
from typing import Any

from apps.common import untrusted_json
from apps.sms import services as sms

KEPT_MESSAGES = 20
TOKEN_CHARACTERS = 12
# More than any push, and than most texts.
TEXT_CHARACTERS = 1000


class OtherDevices:
    """The last messages, oldest first. Numbers go on over a clearing, as those of the journal do."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, Any]] = deque(maxlen=KEPT_MESSAGES)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def take_push(self, message: dict[str, Any]) -> None:
        """Take a message of FCM, whatever its push token is."""
        token = str(message["token"])
        shortened = token if len(token) <= TOKEN_CHARACTERS else f"{token[:TOKEN_CHARACTERS]}…"
        self._add("push", shortened, _push_text(message))

    def take_text(self, content: dict[str, Any]) -> bool:
        """Take a message of the SMS gateway; False if its number is not valid."""
        number = sms.normalize_number(str(content.get("phone_number", "")))
        if number:
            self._add("sms", number, str(content.get("message", "")))
        return bool(number)

    def _add(self, kind: str, recipient: str, text: str) -> None:
        with self._lock:
            self._messages.append(
                {
                    "number": next(self._numbers),
                    "at": round(time.time() * 1000),
                    "kind": kind,
                    "recipient": recipient,
                    "text": text[:TEXT_CHARACTERS],
                }
            )

    def shown(self) -> list[dict[str, Any]]:
        """Return members `number`, `at` (ms since the epoch), `kind` (push or sms), `recipient`, `text`."""
        with self._lock:
            return list(self._messages)

    def clear(self) -> None:
        with self._lock:
            self._messages.clear()


def _push_text(message: dict[str, Any]) -> str:
    """Return what a push announces; empty if it is not one of this server."""
    try:
        return str(untrusted_json.loads(message["data"]["content"])["og_message"])
    except (KeyError, TypeError, ValueError):
        return ""
