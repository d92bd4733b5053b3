"""Putting the code into a text message."""

import re

PLACEHOLDER = "{code}"
# The last line of the origin-bound one-time code format (WICG): `@host #code`, one space, nothing before the @.
AUTOFILL_LINE = re.compile(r"@[A-Za-z0-9.-]+ #\{code\}")
# A host with a dot beside an @, then the code or, after a #, its name: meant for the browser.
NEAR_AUTOFILL = re.compile(r"@\s*\S+\.\S+?\s*(#\s*\{?code\b|\s\{code\})|\.\w+ #\s*\{code\}", re.IGNORECASE)


def compose(template: str, code: str) -> str:
    """Return the text with the code in it; a text without the placeholder is left out, the code alone is sent."""
    return template.replace(PLACEHOLDER, code) if PLACEHOLDER in template else code


def has_autofill_problem(template: str) -> bool:
    """Say whether a line looks like the browser's autofill form, and is not quite it or not the last one."""
    lines = template.rstrip().splitlines()
    if lines and AUTOFILL_LINE.fullmatch(lines[-1]):
        return False
    return any(NEAR_AUTOFILL.search(line) for line in lines)
