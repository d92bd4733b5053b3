"""Signed callbacks of the fake server."""

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field

# Secrets of the fake server only.
SIGNING_SECRET = "whsec_" + base64.b64encode(b"signing secret of the fake server").decode()
USERNAME, PASSWORD = "countersign", "password-of-the-fake-server"


@dataclass(frozen=True)
class CallbackRequest:
    """POST request that the server sends to the callback URL."""

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes


def build(url: str, transaction_id: str, timestamp: float) -> CallbackRequest:
    """Build a callback with a signature and Basic credentials."""
    body = json.dumps({"callback_uri": url, "transaction_id": transaction_id}).encode()
    webhook_id, sent_at = str(uuid.uuid4()), str(int(timestamp))
    key = base64.b64decode(SIGNING_SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{webhook_id}.{sent_at}.".encode() + body, hashlib.sha256)
    pair = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    headers = {
        "content-type": "application/json",
        "authorization": f"Basic {pair}",
        "webhook-id": webhook_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }
    return CallbackRequest(url, headers, body)
