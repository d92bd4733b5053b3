"""Where something stands in a configuration file."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.common.urls import is_http_url, origin


@dataclass(frozen=True)
class ItemPath:
    """`path` counts items, for problems (`applications[0].versions[1]`); `label` names them, for what changed."""

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
    """Return a key without what an address may hold in secret: credentials before the host, tokens in the query."""
    return origin(key) + urlsplit(key).path if is_http_url(key) else key
