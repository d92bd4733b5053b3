"""The reference device of Countersign: what a mobile app does, in Python. docs/device-protocol.md is what it speaks."""

from .device import Device
from .errors import AuthenticatorRevoked, Disconnected, NotEnrolled, Refused, WrongPin
from .keys import KeyKind, new_secret_key
from .store import FINGERPRINT, LockedToken, SecureStore

__all__ = [
    "FINGERPRINT",
    "AuthenticatorRevoked",
    "Device",
    "Disconnected",
    "KeyKind",
    "LockedToken",
    "NotEnrolled",
    "Refused",
    "SecureStore",
    "WrongPin",
    "new_secret_key",
]
