"""Reading, checking and, in development, making the keys that the server needs to start."""

import base64
import binascii
import json
import os
import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured


def required(env: environ.Env, name: str) -> str:
    """Return a variable that has no safe default; ImproperlyConfigured names it when it is missing or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"the environment variable {name} is not set; docs/configuration.md says how to make one"
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


def development_keys(path: Path) -> dict[str, str]:
    """Return the keys in `path`; the first process to come makes them, readable by its user only."""
    if not path.exists():
        keys = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "FIELD_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(keys))
        try:
            # A link, not a rename: of two processes that start together, the second keeps the first one's keys.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    loaded: dict[str, str] = json.loads(path.read_text())
    return loaded
