"""Paths of the pages in the repository and on the site. The hooks of MkDocs (scripts/docs_site.py) use them too.

This module imports neither Django nor Markdown.
"""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
OUTSIDE = ["[A-Z]*.md", "clients/*/README.md", "deploy/**/*.md", "locale/README.md"]
# The start page of the site has the links of the README.
REPLACED = {"README.md": "docs/index.md"}


def anchor(heading: str, separator: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


def outside_pages() -> list[str]:
    """Return the paths of the pages outside `docs/`, relative to the repository."""
    found = (path.relative_to(ROOT).as_posix() for pattern in OUTSIDE for path in sorted(ROOT.glob(pattern)))
    return [path for path in found if path not in REPLACED]


def site_path(path: str) -> str:
    """Return the path on the site of a file of the repository. A README is no index: its folder has other pages."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"project/{path.replace('/README.md', '.md')}"


def in_repository(page: str) -> str:
    """Return the path in the repository of a page of the site."""
    if not page.startswith("project/"):
        return f"docs/{page}"
    return next(path for path in outside_pages() if site_path(path) == page)


def linked_file(page: str, path: str) -> str:
    """Return the path in the repository of the file to which a page of the site links."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(in_repository(page)), path))
    return REPLACED.get(found, found)
