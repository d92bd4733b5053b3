"""Signatures of callbacks, as specified by Standard Webhooks 1.0.0."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from standardwebhooks import Webhook

PREFIX = "whsec_"
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
# During a rotation, callbacks are signed with the new and the old secret.
MAX_ACTIVE_SECRETS = 2


def generate_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def validate_secret(text: str) -> str:
    """Return a normalized secret. Raises ValidationError unless it is `whsec_` and base64 of 24 to 64 bytes."""
    secret = text.strip()
    try:
        material = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except ValueError:
        material = b""
    if not MIN_SECRET_BYTES <= len(material) <= MAX_SECRET_BYTES:
        raise ValidationError(_("A signing secret must be “whsec_” followed by base64 of 24 to 64 bytes."))
    return secret


def headers(active_secrets: Iterable[str], webhook_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt, with a signature by each active secret."""
    identification = {"webhook-id": webhook_id, "webhook-timestamp": str(int(sent_at.timestamp()))}
    signed = [Webhook(secret).sign(webhook_id, sent_at, body.decode()) for secret in active_secrets]
    return identification | ({"webhook-signature": " ".join(signed)} if signed else {})
