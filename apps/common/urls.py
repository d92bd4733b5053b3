"""Checking absolute addresses that others give us."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAX_URL_CHARACTERS = 2000


def is_http_url(text: str) -> bool:
    """Say whether `text` is an absolute http(s) URL of at most 2,000 printable ASCII characters with a host."""
    if (
        len(text) > MAX_URL_CHARACTERS
        or not text.isascii()
        or any(character <= " " or character == "\x7f" for character in text)
    ):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0


def origin(text: str) -> str:
    """Return scheme, host and port: what is slow together is queued together."""
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:255]


def validate_http_url(text: str) -> None:
    if not is_http_url(text):
        raise ValidationError(_("Enter an absolute http or https address."))
