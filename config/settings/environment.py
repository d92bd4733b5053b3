"""Environment variables, and their values from files: `NAME_FILE` names a file that holds the value of `NAME`.

A variable that is set but empty has its default, as where a compose file passes on what nobody has set. A value that
makes no sense is ImproperlyConfigured, in one line that does not tell a secret.
"""

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

DATABASES = ("postgres", "postgresql", "sqlite")
ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class EnvironmentWithFiles(FileAwareMapping):  # type: ignore[misc]
    """A file wins over the variable itself, and the end of its last line does not count."""

    def __getitem__(self, key: str) -> str:
        try:
            value: str = super().__getitem__(key)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ImproperlyConfigured(f"the file that {key}_FILE names cannot be read: {reason}") from None
        value = value.rstrip("\r\n") if self.env.get(f"{key}_FILE") else value
        if not value:
            # As if it was not set.
            raise KeyError(key)
        return value


class Environment(environ.Env):  # type: ignore[misc]
    ENVIRON = EnvironmentWithFiles()

    def integer(self, name: str, *, default: int, minimum: int = 1, maximum: int | None = None) -> int:
        text = self.str(name, default="").strip() or str(default)
        number = int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 12 else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limits = f"from {minimum} to {maximum}" if maximum is not None else f"of at least {minimum}"
            raise ImproperlyConfigured(f"{name} is {text!r}; it is a whole number {limits}")
        return number

    def boolean(self, name: str, *, default: bool) -> bool:
        text = self.str(name, default="").strip().lower()
        if text and text not in ON + OFF:
            raise ImproperlyConfigured(f"{name} is {text!r}; it is one of: {', '.join(ON + OFF)}")
        return text in ON if text else default

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        text = self.str(name, default="").strip() or default
        value = {allowed.lower(): allowed for allowed in choices}.get(text.lower())
        if value is None:
            raise ImproperlyConfigured(f"{name} is {text!r}; it is one of: {', '.join(choices)}")
        return value

    def networks(self, name: str, *, default: Sequence[str]) -> list[str]:
        """Return addresses and networks (CIDR), given with commas between them."""
        networks = [part.strip() for part in self.str(name, default="").split(",") if part.strip()]
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ImproperlyConfigured(f"{name}: {network!r} is neither an address nor a network") from None
        return networks or list(default)

    def site_url(self, name: str, *, default: str) -> str:
        """Return the address of a site, without a slash at its end."""
        text: str = self.str(name, default="").strip() or default
        parts = _split(text)
        if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ImproperlyConfigured(f"{name} is {text!r}; it begins with http:// or https:// and a host name")
        return text.rstrip("/")

    def broker(self, name: str, *, default: str) -> str:
        text: str = self.str(name, default="").strip() or default
        parts = _split(text)
        if text and (not parts or not parts.scheme or not text.startswith(f"{parts.scheme}://")):
            raise ImproperlyConfigured(f"{name} is no address of a broker, such as redis://host:6379/0")
        return text

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        text = self.str(name, default="").strip() or default
        value: dict[str, Any] = {}
        if text.partition("://")[0] in DATABASES:
            with suppress(ValueError):
                value = self.db_url_config(text)
        if not value:
            raise ImproperlyConfigured(
                f"{name} is no address of a database: postgres://user:password@host:5432/name or sqlite:////path"
            )
        return value


def _split(url: str) -> Any:
    """Return the parts of an address; None when it has none, as with a port that is no number."""
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        return None
    return parts
