"""The reference device of Countersign: the device protocol (docs/device-protocol.md) in Python."""

from .device import Device
from .errors import AuthenticatorRevoked, DeviceApiError, Disconnected, InvalidPin, NotEnrolled
from .keys import KeyKind, MessageType, new_secret_key
from .store import FINGERPRINT, LockedToken, SecureStore

__all__ = [
    "FINGERPRINT",
    "AuthenticatorRevoked",
    "Device",
    "DeviceApiError",
    "Disconnected",
    "InvalidPin",
    "KeyKind",
    "LockedToken",
    "MessageType",
    "NotEnrolled",
    "SecureStore",
    "new_secret_key",
]
