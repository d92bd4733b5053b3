"""What is wrong with something that an administrator can mend, for whoever looks at the console."""

from dataclasses import dataclass

from django.utils.functional import Promise


@dataclass(frozen=True)
class Problem:
    """`summary` is for a list, `title` and `description` are whole sentences: what it is, and what mends it.

    `url` is the console's page where that is done, when the problem is shown elsewhere.
    """

    summary: str | Promise
    title: str | Promise
    description: str | Promise
    is_failure: bool = True
    url: str = ""
