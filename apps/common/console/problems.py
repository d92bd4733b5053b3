"""Problems that an administrator can fix, for the pages of the console."""

from dataclasses import dataclass, replace

from django.utils.functional import Promise

from apps.common.console.documents import Document


@dataclass(frozen=True)
class Problem:
    """Problem with its remedy.

    `summary` is short enough for a list. `title` and `description` are full sentences: the problem, then its fix.
    `url` is the console page for the fix, for problems that are also shown elsewhere. `documents` explain the problem.
    """

    summary: str | Promise
    title: str | Promise
    description: str | Promise
    is_failure: bool = True
    url: str = ""
    documents: tuple[Document, ...] = ()

    def on_its_page(self) -> "Problem":
        """Return the problem without a link, for the page to which the link would lead."""
        return replace(self, url="")

    def __str__(self) -> str:
        return f"{self.title}. {self.description}"
