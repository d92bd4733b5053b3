"""SMS inbox of the virtual phone, filled by the `rest` gateway."""

import base64
import hmac
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings

# Number from a range that is reserved for fiction.
NUMBER = "+1 202 555 0143"
MAX_MESSAGES = 3
# Time for which a message stays on the lock screen.
DISPLAY_SECONDS = 120.0


@dataclass(frozen=True)
class ReceivedSms:
    sender: str
    message: str
    received_at: float


class SmsInbox:
    """SMS to the number of the phone, oldest first. They arrive even without an account on the phone."""

    def __init__(self) -> None:
        self._messages: list[ReceivedSms] = []
        self._lock = threading.Lock()

    def receive(self, content: dict[str, Any]) -> bool:
        """Add a message of the gateway. Return False if it is for another number."""
        if "".join(str(content.get("phone_number", "")).split()) != NUMBER.replace(" ", ""):
            return False
        sms = ReceivedSms(str(content.get("sender_id") or ""), str(content.get("message", "")), time.time())
        with self._lock:
            self._messages = [*self._messages, sms][-MAX_MESSAGES:]
        return True

    def recent(self) -> list[dict[str, Any]]:
        """Return members `sender`, `message`, `at` (ms since the epoch) of the messages on the lock screen."""
        oldest = time.time() - DISPLAY_SECONDS
        return [
            {"sender": sms.sender, "message": sms.message, "at": round(sms.received_at * 1000)}
            for sms in self._messages
            if sms.received_at > oldest
        ]

    def clear(self) -> None:
        with self._lock:
            self._messages = []


def is_authorized(authorization: str) -> bool:
    """Return True if a request has the credentials of the `rest` gateway. The comparison takes constant time."""
    if not settings.SMS_GATEWAY_REST_USERNAME:
        return True
    pair = f"{settings.SMS_GATEWAY_REST_USERNAME}:{settings.SMS_GATEWAY_REST_PASSWORD}"
    expected = "Basic " + base64.b64encode(pair.encode()).decode()
    return hmac.compare_digest(authorization.encode(), expected.encode())
