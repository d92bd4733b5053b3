"""What the demo keeps between two runs: small JSON files under VAR_DIR/demo that only this user can read.

Each file has one writer: `demo_setup` writes the set-up, the web process writes what the portal and the phone remember.
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
    """Return the content of a file; empty when it is not there or not ours to read as JSON."""
    try:
        content = json.loads((_directory() / name).read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write(name: str, content: dict[str, Any]) -> None:
    """Replace a file in one step: a reader, or a crash, finds the old one or the new one."""
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
    """Leave a note for the web process, whether it runs now or starts later."""
    write(RESET_REQUEST, {})


def is_reset_requested() -> bool:
    return (_directory() / RESET_REQUEST).exists()


def consume_reset_request() -> bool:
    """Say whether a reset is wished for, once."""
    is_requested = is_reset_requested()
    (_directory() / RESET_REQUEST).unlink(missing_ok=True)
    return is_requested
