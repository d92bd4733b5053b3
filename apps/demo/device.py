"""The reference device, which runs the phones of the demo and shares no code with the server."""

from clients.python.countersign_device import (
    AuthenticatorRevoked,
    Device,
    DeviceApiError,
    Disconnected,
    InvalidPin,
    KeyKind,
)
from clients.python.countersign_device.store import FINGERPRINT

__all__ = [
    "FINGERPRINT",
    "KEY_KINDS",
    "AuthenticatorRevoked",
    "Device",
    "DeviceApiError",
    "Disconnected",
    "InvalidPin",
    "KeyKind",
]

# Kinds of keys that the demo offers. The first is the default.
KEY_KINDS = {"jose": KeyKind.P256, "openpgp": KeyKind.CURVE25519}
