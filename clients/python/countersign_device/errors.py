"""Errors of the device API. Errors that an app handles have classes of their own."""

from typing import Any


class DeviceApiError(Exception):
    """The server said no: its HTTP status and the members of its error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('error', '')}: {body.get('error_description', '')}")
        self.status = status
        self.body = body

    @classmethod
    def from_response(cls, status: int, body: dict[str, Any]) -> "DeviceApiError":
        """Return the most exact of these errors."""
        return _BY_NAME.get(str(body.get("error", "")), cls)(status, body)


class InvalidPin(DeviceApiError):
    """The PIN is wrong, and the attempt is counted. The transaction stays open."""

    @property
    def used_attempts(self) -> int:
        return int(self.body.get("used_attempts", 0))

    @property
    def max_attempts(self) -> int:
        """0: without a limit."""
        return int(self.body.get("max_attempts", 0))

    @property
    def attempts_left(self) -> int | None:
        """None: without a limit."""
        return max(0, self.max_attempts - self.used_attempts) if self.max_attempts else None


class Disconnected(DeviceApiError):
    """The PIN was wrong too often: the server has forgotten this user on this device (9003)."""


class AuthenticatorRevoked(DeviceApiError):
    """The fingerprint's or custom authenticator's token was wrong: it is gone. The PIN can still be used."""


class NotEnrolled(DeviceApiError):
    """The server does not know this device, or this user on it."""


_BY_NAME: dict[str, type[DeviceApiError]] = {
    "invalid_pin": InvalidPin,
    "disconnected": Disconnected,
    "authenticator_revoked": AuthenticatorRevoked,
    "invalid_device_token": NotEnrolled,
    "invalid_profile": NotEnrolled,
}
