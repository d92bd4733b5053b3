"""The demo's phones run the reference device, which knows nothing of the server's code."""

from clients.python.countersign_device import AuthenticatorRevoked, Device, DeviceApiError, Disconnected, InvalidPin
from clients.python.countersign_device.store import FINGERPRINT

__all__ = ["FINGERPRINT", "AuthenticatorRevoked", "Device", "DeviceApiError", "Disconnected", "InvalidPin"]
