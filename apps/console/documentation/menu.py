"""Menu of the documentation, from `nav` of `mkdocs.yml`."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import yaml

from apps.console.documentation import paths, sources

CONFIGURATION = paths.ROOT / "mkdocs.yml"


class Entry(NamedTuple):
    """Page of the menu, or a section with entries (`page` is then empty)."""

    title: str
    page: str
    entries: tuple["Entry", ...] = ()

    def pages(self) -> Iterator["Entry"]:
        """Return the pages below this entry, in the order of the menu."""
        if self.page:
            yield self
        for entry in self.entries:
            yield from entry.pages()


@lru_cache(maxsize=1)
def menu() -> tuple[Entry, ...]:
    """Return the entries of the pages that this installation has; without `mkdocs.yml`, none."""
    if not CONFIGURATION.is_file():
        return ()
    return _entries(yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))["nav"])


def neighbors(page: str) -> tuple[Entry | None, Entry | None]:
    """Return the previous and the next page in the menu."""
    pages = [entry for top in menu() for entry in top.pages()]
    position = next((number for number, entry in enumerate(pages) if entry.page == page), None)
    if position is None:
        return None, None
    return pages[position - 1] if position else None, pages[position + 1] if position + 1 < len(pages) else None


def _entries(items: list[Any]) -> tuple[Entry, ...]:
    entries = (_entry(item) for item in items)
    return tuple(entry for entry in entries if entry.page in sources.pages() or entry.entries)


def _entry(item: str | dict[str, Any]) -> Entry:
    if isinstance(item, str):
        return Entry(_heading(item), item)
    [(title, value)] = item.items()
    return Entry(title, value) if isinstance(value, str) else Entry(title, "", _entries(value))


def _heading(page: str) -> str:
    """Return the first heading of a page that has no title in the menu."""
    path = sources.pages().get(page)
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") if path else page
