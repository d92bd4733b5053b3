"""Validation of absolute URLs."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MAX_URL_CHARACTERS = 2000


def is_http_url(text: str) -> bool:
    """Return True if `text` is an absolute HTTP(S) URL with a host, of at most 2,000 printable ASCII characters."""
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


def origin(url: str) -> str:
    """Return the scheme, host and port of a URL. Callbacks to one origin share a concurrency key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"[:255]


def validate_http_url(text: str) -> None:
    if not is_http_url(text):
        raise ValidationError(_("Enter an absolute URL that begins with http:// or https://."))
