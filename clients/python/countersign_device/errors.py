"""What the server says no with. Each error of the device API is a Refused; those that an app acts on have a class."""

from typing import Any


class Refused(Exception):
    """The server said no: its HTTP status and the members of its error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body.get('error', '')}: {body.get('error_description', '')}")
        self.status = status
        self.body = body

    @classmethod
    def of(cls, status: int, body: dict[str, Any]) -> "Refused":
        """Return the most exact of these errors."""
        return _BY_NAME.get(str(body.get("error", "")), cls)(status, body)


class WrongPin(Refused):
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


class Disconnected(Refused):
    """The PIN was wrong too often: the server has forgotten this user on this device (9003)."""


class AuthenticatorRevoked(Refused):
    """The fingerprint's or custom authenticator's token was wrong: it is gone. The PIN can still be used."""


class NotEnrolled(Refused):
    """The server does not know this device, or this user on it."""


_BY_NAME: dict[str, type[Refused]] = {
    "invalid_pin": WrongPin,
    "disconnected": Disconnected,
    "authenticator_revoked": AuthenticatorRevoked,
    "invalid_device_token": NotEnrolled,
    "invalid_profile": NotEnrolled,
}
