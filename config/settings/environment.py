"""Read and validate environment variables. `NAME_FILE` names a file that contains the value of `NAME`.

An empty variable has its default, because compose files set unset variables to empty values. Invalid values raise
ImproperlyConfigured with one line, which contains no secret.
"""

import os
import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

from config.settings import service_urls

HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")
ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class EnvironmentWithFiles(FileAwareMapping):  # type: ignore[misc]
    """Environment in which a file takes precedence over the variable. The line ending of the file is ignored."""

    def __getitem__(self, key: str) -> str:
        try:
            value: str = super().__getitem__(key)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ImproperlyConfigured(f"the file of {key}_FILE cannot be read: {reason}") from None
        value = value.rstrip("\r\n") if self.env.get(f"{key}_FILE") else value
        if not value:
            # Use the default, as for an unset variable.
            raise KeyError(key)
        return value


class Environment(environ.Env):  # type: ignore[misc]
    ENVIRON = EnvironmentWithFiles()

    def integer(self, name: str, *, default: int, minimum: int = 1, maximum: int | None = None) -> int:
        text = self.str(name, default="").strip() or str(default)
        number = int(text) if text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 12 else None
        if number is None or number < minimum or (maximum is not None and number > maximum):
            limits = f"from {minimum} to {maximum}" if maximum is not None else f"of {minimum} or more"
            raise ImproperlyConfigured(f"{name} must be an integer {limits}, not {text!r}")
        return number

    def boolean(self, name: str, *, default: bool) -> bool:
        text = self.str(name, default="").strip().lower()
        if text and text not in ON + OFF:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(ON + OFF)}, not {text!r}")
        return text in ON if text else default

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        text = self.str(name, default="").strip() or default
        value = {allowed.lower(): allowed for allowed in choices}.get(text.lower())
        if value is None:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}")
        return value

    def networks(self, name: str, *, default: Sequence[str]) -> list[str]:
        """Return a comma-separated list of IP addresses and networks (CIDR)."""
        networks = [part.strip() for part in self.str(name, default="").split(",") if part.strip()]
        for network in networks:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ImproperlyConfigured(f"{name}: {network!r} is not an IP address or network") from None
        return networks or list(default)

    def hosts(self, name: str, *, default: Sequence[str]) -> list[str]:
        """Return a comma-separated list of host names, `*.domain` for the hosts of a domain, or `*` for all."""
        hosts = [host.strip().lower() for host in self.list(name, default=[]) if host.strip()]
        for host in hosts:
            if host != "*" and not HOST.fullmatch(host):
                raise ImproperlyConfigured(f"{name}: “{host}” is not a host name, *.domain or *")
        return hosts or list(default)

    def site_url(self, name: str, *, default: str) -> str:
        """Return the URL of a site without a trailing slash."""
        text: str = self.str(name, default="").strip() or default
        parts = service_urls.split(text)
        if not parts or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must begin with http:// or https:// and a host name, not {text!r}")
        return text.rstrip("/")

    def optional_site_url(self, name: str) -> str:
        """Return the URL of a site without a trailing slash, or an empty string if it is not set."""
        return self.site_url(name, default="") if self.str(name, default="").strip() else ""

    def origin(self, name: str, *, other_than: str) -> str:
        """Return a URL without a path whose host is not that of `other_than`, or an empty string if it is not set.

        A host of its own: browsers send cookies to all ports of a host.
        """
        if not self.str(name, default="").strip():
            return ""
        text = self.site_url(name, default="").lower()
        parts = service_urls.split(text)
        is_origin = text == f"{parts.scheme}://{parts.netloc}" and parts.username is None
        if not is_origin or parts.hostname == urlsplit(other_than).hostname:
            raise ImproperlyConfigured(
                f"{name} must have another host name than PUBLIC_URL, and no path, such as https://phone.example.com"
            )
        # Browsers omit the port of the scheme.
        return text.removesuffix({"http": ":80", "https": ":443"}[parts.scheme])

    def directory(self, name: str, *, default: Path) -> Path:
        """Return the path of a writable directory, which is created if it is missing."""
        path = Path(self.str(name, default=str(default))).resolve()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ImproperlyConfigured(f"{name}: the directory {path} cannot be created: {error.strerror}") from None
        if not os.access(path, os.W_OK | os.X_OK):
            raise ImproperlyConfigured(f"{name}: the directory {path} must be writable for the user of this process")
        return path

    def broker(self, name: str, *, default: str) -> str:
        text: str = self.str(name, default="").strip() or default
        if text:
            service_urls.require_broker(name, text)
        return text

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        text = self.str(name, default="").strip() or default
        service_urls.require_database(name, text)
        value: dict[str, Any] = self.db_url_config(text)
        return value
