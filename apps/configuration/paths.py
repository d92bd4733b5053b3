"""Where something stands in a configuration file."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from apps.common.urls import is_http_url, origin


@dataclass(frozen=True)
class Place:
    """`path` counts items, for problems (`applications[0].versions[1]`); `label` names them, for what changed."""

    path: str
    label: str

    def item(self, number: int, key: tuple[str, ...] | None) -> "Place":
        return Place(f"{self.path}[{number}]", f"{self.label}[{' '.join(map(shown, key or ()))}]")

    def member(self, name: object) -> "Place":
        return Place(f"{self.path}.{name}", f"{self.label}.{name}") if self.path else Place(str(name), str(name))


def shown(key: str) -> str:
    """Return a key without what an address may hold in secret: credentials before the host, tokens in the query."""
    return origin(key) + urlsplit(key).path if is_http_url(key) else key
