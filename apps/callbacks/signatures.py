"""Signatures of callbacks, after the Standard Webhooks specification 1.0.0."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from standardwebhooks import Webhook

PREFIX = "whsec_"
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
# A portal learns the new secret while the old one still signs.
MAX_ACTIVE_SECRETS = 2


def generate_secret() -> str:
    return PREFIX + b64encode(secrets.token_bytes(32)).decode()


def validate_secret(text: str) -> str:
    """Return a secret as it is to be kept; ValidationError unless it is `whsec_` and base64 of 24 to 64 bytes."""
    secret = text.strip()
    try:
        material = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except ValueError:
        material = b""
    if not MIN_SECRET_BYTES <= len(material) <= MAX_SECRET_BYTES:
        raise ValidationError(_("A signing secret is “whsec_” and base64 of 24 to 64 bytes."))
    return secret


def headers(active_secrets: Iterable[str], webhook_id: str, sent_at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of one attempt: a signature for each live secret, none without a secret."""
    built = {"webhook-id": webhook_id, "webhook-timestamp": str(int(sent_at.timestamp()))}
    signed = [Webhook(secret).sign(webhook_id, sent_at, body.decode()) for secret in active_secrets]
    return built | ({"webhook-signature": " ".join(signed)} if signed else {})
