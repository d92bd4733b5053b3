"""Putting the code into a text message."""

import re

PLACEHOLDER = "{code}"
# The last line of the origin-bound one-time code format (WICG): `@host #code`, one space, nothing before the @.
AUTOFILL_LINE = re.compile(r"@[A-Za-z0-9.-]+ #\{code\}")


def compose(template: str, code: str) -> str:
    """Return the text with the code in it; a text without the placeholder is left out, the code alone is sent."""
    return template.replace(PLACEHOLDER, code) if PLACEHOLDER in template else code


def autofill_problem(template: str) -> bool:
    """Say whether the last line looks like the browser's autofill form and is not quite it."""
    lines = template.rstrip().splitlines()
    last = lines[-1] if lines else ""
    looks_like = "@" in last and "#" in last and PLACEHOLDER in last
    return looks_like and not AUTOFILL_LINE.fullmatch(last)
