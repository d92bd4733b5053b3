"""Helpers that read the documentation pages."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(Path(ROOT, "docs").rglob("*.md")),
    ROOT / "clients/portal-python/README.md",
    ROOT / "clients/portal-typescript/README.md",
    ROOT / "clients/python/README.md",
    ROOT / "clients/typescript/README.md",
    ROOT / "clients/web-phone/README.md",
    ROOT / "locale/README.md",
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """Return the page without its fenced blocks."""
    return FENCE.sub("", page.read_text())


def anchors(page):
    """Return the anchors of the headings of a page, as on GitHub."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


def quoted(page):
    """Return the texts in backticks."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def section(page, heading):
    """Return the text under a heading, to the next one of the same level or higher."""
    level = heading.partition(" ")[0]
    found = page.read_text().split(f"\n{heading}\n", 1)[1]
    return re.split(rf"^#{{1,{len(level)}}} ", found, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text):
    """Return the cells of every line of the tables in a text, without headings."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ---")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heads = {number for number, line in enumerate(text.splitlines()) if line.startswith("| ---")}
    titles = {text.splitlines()[number - 1] for number in heads}
    return [cell for cell, line in zip(cells, lines, strict=True) if line not in titles]
