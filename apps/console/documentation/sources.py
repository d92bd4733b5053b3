"""Files of the documentation that this installation has: pages in Markdown, pictures and other files of `docs/`."""

from functools import lru_cache
from pathlib import Path

from apps.common.console.documents import DOCUMENTS
from apps.console.documentation import paths

FILE_TYPES = {
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".yaml": "text/plain; charset=utf-8",
}


@lru_cache(maxsize=1)
def pages() -> dict[str, Path]:
    """Return the pages by their path on the site, such as `errors/1001.md`."""
    outside = {paths.site_path(path): paths.ROOT / path for path in paths.outside_pages()}
    return outside | {path.relative_to(DOCUMENTS).as_posix(): path for path in DOCUMENTS.rglob("*.md")}


def page_of(path: str) -> str | None:
    """Return the page of a path below `/docs/`: with or without `.html`, or a directory with an index."""
    name = path.removesuffix(".html")
    return next((page for page in (f"{name}.md", f"{name}/index.md".lstrip("/")) if page in pages()), None)


@lru_cache(maxsize=1)
def files() -> dict[str, Path]:
    """Return the other files by their path on the site. The image has no pictures."""
    found = (path for path in DOCUMENTS.rglob("*") if path.suffix in FILE_TYPES)
    return {path.relative_to(DOCUMENTS).as_posix(): path for path in found}
