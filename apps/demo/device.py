"""The reference device, which runs the phones of the demo and shares no code with the server."""

from clients.python.countersign_device import AuthenticatorRevoked, Device, DeviceApiError, Disconnected, InvalidPin
from clients.python.countersign_device.store import FINGERPRINT

__all__ = ["FINGERPRINT", "AuthenticatorRevoked", "Device", "DeviceApiError", "Disconnected", "InvalidPin"]
