"""Links from the console to the documentation: its site elsewhere, or this server's pages below /docs/."""

from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

# Path below which apps/console/documentation serves the pages, and their source.
PATH = "/docs/"
DOCUMENTS = Path(settings.BASE_DIR) / "docs"


def site_page() -> Path | None:
    """Return the start page of the site that `make docs` has built, or None without a site."""
    page: Path = settings.DOCUMENTATION_DIR / "index.html"
    return page if page.is_file() else None


def base_url() -> str:
    """Return the URL of the pages without a final slash; empty if this installation has none."""
    if settings.DOCUMENTATION_URL:
        return str(settings.DOCUMENTATION_URL)
    return PATH.rstrip("/") if site_page() or DOCUMENTS.is_dir() else ""


class Document(NamedTuple):
    """Section of a page in `docs/`. `label` is the text of its link."""

    label: str
    page: str
    anchor: str = ""

    @property
    def path(self) -> str:
        """Path in the repository, for readers without the pages."""
        return f"docs/{self.page}{self._fragment}"

    @property
    def url(self) -> str:
        """URL of the section; empty if this installation has no pages."""
        base = base_url()
        return f"{base}/{self.page.removesuffix('.md')}.html{self._fragment}" if base else ""

    @property
    def _fragment(self) -> str:
        return f"#{self.anchor}" if self.anchor else ""


def troubleshooting(anchor: str) -> Document:
    """Return the section of the troubleshooting page for a warning."""
    return Document(_("Troubleshooting"), "troubleshooting.md", anchor)


def security(anchor: str) -> Document:
    """Return the section of the page about security for a risk."""
    return Document(_("Security"), "security.md", anchor)


def error(name: str) -> Document:
    """Return the page of an error, by its number or token."""
    return Document(_("Error %(name)s") % {"name": name}, f"errors/{name}.md")
