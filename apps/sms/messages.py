"""Insertion of the verification code into a message."""

import re

PLACEHOLDER = "{code}"
# The last line of the origin-bound one-time code format (WICG): `@host #code`, one space, nothing before the @.
AUTOFILL_LINE = re.compile(r"@[A-Za-z0-9.-]+ #\{code\}")
# An @ with a host name, followed by the code or by # and its name: an attempt at the autofill format.
NEAR_AUTOFILL = re.compile(r"@\s*\S+\.\S+?\s*(#\s*\{?code\b|\s\{code\})|\.\w+ #\s*\{code\}", re.IGNORECASE)


def compose(template: str, code: str) -> str:
    """Return the message with the code; only the code if the message has no placeholder."""
    return template.replace(PLACEHOLDER, code) if PLACEHOLDER in template else code


def has_autofill_problem(template: str) -> bool:
    """Return True if a line resembles the autofill format of browsers but is invalid or not the last line."""
    lines = template.rstrip().splitlines()
    if lines and AUTOFILL_LINE.fullmatch(lines[-1]):
        return False
    return any(NEAR_AUTOFILL.search(line) for line in lines)
