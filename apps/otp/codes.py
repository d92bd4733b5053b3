"""The one-time password of a transaction, as one string for a QR code or a link.

It is base64 of `{"transaction_id": UUID, "otp": base64 of 20 random bytes}`.
"""

import base64
import binascii
import json
import secrets
from uuid import UUID

OTP_BYTES = 20
MAX_CHARACTERS = 500


def random_otp() -> str:
    """Return 160 random bits in base64."""
    return base64.b64encode(secrets.token_bytes(OTP_BYTES)).decode()


def pack(transaction_id: UUID, otp: str) -> str:
    return base64.b64encode(json.dumps({"transaction_id": str(transaction_id), "otp": otp}).encode()).decode()


def unpack(text: str) -> tuple[UUID, str] | None:
    """Return the transaction and the otp that a scanned string names; None when it is not such a string."""
    if len(text) > MAX_CHARACTERS:
        return None
    try:
        content = json.loads(base64.b64decode(text, validate=True))
        otp = content["otp"]
        return (UUID(content["transaction_id"]), otp) if isinstance(otp, str) and otp.isascii() else None
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError):
        return None
