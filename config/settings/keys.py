"""Read and validate the keys of the server, and generate the keys of the demo database."""

import base64
import binascii
import json
import os
import secrets
from itertools import pairwise
from pathlib import Path

import environ
from django.core.checks.security import base as django_checks
from django.core.exceptions import ImproperlyConfigured

# One in 10^13 random keys of 32 bytes has fewer distinct bytes, or fewer distinct distances between neighbours.
MIN_DISTINCT_VALUES = 17
PRINTABLE = range(0x20, 0x7F)


def required(env: environ.Env, name: str) -> str:
    """Return a variable without a safe default. Raises ImproperlyConfigured if it is not set or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"the environment variable {name} is not set; docs/configuration.md describes its value"
        )
    return value


def encryption_keys(text: str) -> list[bytes]:
    """Parse comma-separated URL-safe base64 keys of 32 bytes, newest first."""
    keys = []
    for number, part in enumerate(text.split(","), start=1):
        try:
            key = base64.b64decode(part.strip(), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise ImproperlyConfigured(f"FIELD_ENCRYPTION_KEYS: key {number} is not URL-safe base64 of 32 bytes")
        keys.append(key)
    return keys


def require_strong_secret_key(name: str, value: str) -> None:
    """Raise ImproperlyConfigured if `value` breaks Django's rule for a SECRET_KEY (its check security.W009)."""
    min_length, min_unique = django_checks.SECRET_KEY_MIN_LENGTH, django_checks.SECRET_KEY_MIN_UNIQUE_CHARACTERS
    prefix = django_checks.SECRET_KEY_INSECURE_PREFIX
    if len(value) < min_length or len(set(value)) < min_unique or value.startswith(prefix):
        raise ImproperlyConfigured(
            f"{name} is too easy to guess: it must have at least {min_length} characters, {min_unique} distinct ones, "
            f"and not begin with {prefix!r}; docs/configuration.md describes how to generate it"
        )


def require_strong_encryption_keys(keys: list[bytes]) -> None:
    """Raise ImproperlyConfigured if a key is a pattern or a passphrase instead of 32 random bytes."""
    for number, key in enumerate(keys, start=1):
        if not _looks_random(key):
            raise ImproperlyConfigured(
                f"FIELD_ENCRYPTION_KEYS: key {number} is too easy to guess: it must be 32 random bytes, not text or a "
                "pattern; docs/configuration.md describes how to generate it"
            )


def _looks_random(key: bytes) -> bool:
    distances = {(after - before) % 256 for before, after in pairwise(key)}
    is_text = all(byte in PRINTABLE for byte in key)
    return not is_text and min(len(set(key)), len(distances)) >= MIN_DISTINCT_VALUES


def development_keys(path: Path) -> dict[str, str]:
    """Return the keys in `path`. The first process generates them, readable by its user only."""
    if not path.exists():
        keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(keys))
        try:
            # A link does not replace an existing file: of two processes, the second uses the keys of the first.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded
