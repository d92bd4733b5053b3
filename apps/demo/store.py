"""Stored state of the demo: JSON files under VAR_DIR/demo that only the user of the process can read.

Each file has one writer: `demo_setup` writes the set-up, the web process the state of the portal and the phone.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings

SETUP = "setup.json"
STATE = "live.json"
RESET_REQUEST = "reset"


def _directory() -> Path:
    path: Path = settings.VAR_DIR / "demo"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read(name: str) -> dict[str, Any]:
    """Return the content of a file; empty if it is missing, unreadable or not a JSON object."""
    try:
        content = json.loads((_directory() / name).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(name: str, content: dict[str, Any]) -> None:
    """Replace a file atomically: after a crash, the file is either the old or the new one."""
    target = _directory() / name
    temporary = target.with_name(f"{name}.{secrets.token_hex(6)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def request_reset() -> None:
    """Request a reset from the web process, which can also start later."""
    write(RESET_REQUEST, {})


def is_reset_requested() -> bool:
    return (_directory() / RESET_REQUEST).exists()


def consume_reset_request() -> bool:
    """Return True if a reset is requested, and remove the request."""
    is_requested = is_reset_requested()
    (_directory() / RESET_REQUEST).unlink(missing_ok=True)
    return is_requested
