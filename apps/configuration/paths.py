"""Paths of items and members in a configuration file."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.common.urls import is_http_url, origin


@dataclass(frozen=True)
class ItemPath:
    """Path of an item or member.

    Problems contain the `indexed` path (`applications[0].versions[1]`), changes the `label`, which contains keys.
    """

    indexed: str
    label: str

    def item(self, number: int, key: tuple[str, ...] | None) -> "ItemPath":
        return ItemPath(f"{self.indexed}[{number}]", f"{self.label}[{' '.join(map(redact_key, key or ()))}]")

    def member(self, name: object) -> "ItemPath":
        return (
            ItemPath(f"{self.indexed}.{name}", f"{self.label}.{name}")
            if self.indexed
            else ItemPath(str(name), str(name))
        )


def redact_key(key: str) -> str:
    """Return a key; of a URL, only origin and path, because user name and query can contain credentials."""
    return origin(key) + urlsplit(key).path if is_http_url(key) else key
