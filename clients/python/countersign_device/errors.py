"""Errors of the device API. Errors that an app handles have classes of their own."""

from typing import Any


class DeviceApiError(Exception):
    """Error response of the server, with its HTTP status and members."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('error', '')}: {body.get('error_description', '')}")
        self.status = status
        self.body = body

    @classmethod
    def from_response(cls, status: int, body: dict[str, Any]) -> "DeviceApiError":
        """Return an error of the most specific class."""
        return _BY_NAME.get(str(body.get("error", "")), cls)(status, body)


class InvalidPin(DeviceApiError):
    """The PIN is wrong, and the attempt is counted. The transaction stays pending."""

    @property
    def used_attempts(self) -> int:
        return int(self.body.get("used_attempts", 0))

    @property
    def max_attempts(self) -> int:
        """Return the attempt limit; 0: no limit."""
        return int(self.body.get("max_attempts", 0))

    @property
    def attempts_left(self) -> int | None:
        """Return the number of remaining attempts; None: no limit."""
        return max(0, self.max_attempts - self.used_attempts) if self.max_attempts else None


class Disconnected(DeviceApiError):
    """Too many wrong PINs: the server has disconnected the user from this device (9003)."""


class AuthenticatorRevoked(DeviceApiError):
    """The token of the fingerprint or custom authenticator was wrong and is revoked. The PIN can still be used."""


class NotEnrolled(DeviceApiError):
    """The server does not know this device, or this user on it."""


_BY_NAME: dict[str, type[DeviceApiError]] = {
    "invalid_pin": InvalidPin,
    "disconnected": Disconnected,
    "authenticator_revoked": AuthenticatorRevoked,
    "invalid_device_token": NotEnrolled,
    "invalid_profile": NotEnrolled,
}
