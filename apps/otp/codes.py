"""Encode the one-time password of a transaction as one string for a QR code or a link.

The string is the base64 encoding of `{"transaction_id": UUID, "otp": base64 of 20 random bytes}`.
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
    """Return the string that the portal shows."""
    return base64.b64encode(json.dumps({"transaction_id": str(transaction_id), "otp": otp}).encode()).decode()


def unpack(scanned: str) -> tuple[UUID, str] | None:
    """Return the transaction id and the one-time password of a scanned string, or None if it is invalid."""
    if len(scanned) > MAX_CHARACTERS:
        return None
    try:
        content = json.loads(base64.b64decode(scanned, validate=True))
        otp = content["otp"]
        return (UUID(content["transaction_id"]), otp) if isinstance(otp, str) and otp.isascii() else None
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError):
        return None
