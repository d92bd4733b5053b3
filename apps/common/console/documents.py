"""Links from the console to the documentation, which is a site of its own (`make docs`)."""

from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _


class Document(NamedTuple):
    """Section of a page in `docs/`. `label` is the text of its link."""

    label: str
    page: str
    anchor: str = ""

    @property
    def path(self) -> str:
        """Path in the repository, for readers without the site."""
        return f"docs/{self.page}{self._fragment}"

    @property
    def url(self) -> str:
        """URL on the site of the documentation; empty without one."""
        base, page = settings.DOCUMENTATION_URL, self.page.removesuffix(".md")
        return f"{base}/{page}.html{self._fragment}" if base else ""

    @property
    def _fragment(self) -> str:
        return f"#{self.anchor}" if self.anchor else ""


def troubleshooting(anchor: str) -> Document:
    """Return the section of the troubleshooting page for a warning."""
    return Document(_("Troubleshooting"), "troubleshooting.md", anchor)


def error(name: str) -> Document:
    """Return the page of an error, by its number or token."""
    return Document(_("Error %(name)s") % {"name": name}, f"errors/{name}.md")
