"""Text from requests, files and consoles: which of it the databases can store.

PostgreSQL rejects a NUL character in a value and in a query. No database stores a lone surrogate.
"""

import unicodedata


def is_storable(text: str) -> bool:
    """Return True if the text has no NUL character. An id with one is an unknown id."""
    return "\0" not in text


def is_unicode(text: str) -> bool:
    """Return True if the text has no lone surrogate, which files and command lines can contain."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def remove_nul(text: str) -> str:
    """Remove NUL characters, to record an id that was rejected."""
    return text.replace("\0", "")


def has_control_characters(text: str) -> bool:
    """Return True if the text contains a control character (Unicode category Cc), such as NUL or a line break."""
    return any(unicodedata.category(character) == "Cc" for character in text)
