"""Write docs/test-vectors.json with new keys: `python -m scripts.device_vectors`. A test checks the file.

The vectors are made with the reference device, Sequoia and the builder of `scripts.vectors`, so that they test the code
of the server independently.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from clients.python.countersign_device import LockedToken  # noqa: E402
from scripts.vectors import jose, openpgp  # noqa: E402
from scripts.vectors.contents import PIN_TOKEN, TRANSACTION_ID  # noqa: E402

FILE = ROOT / "docs" / "test-vectors.json"


def build_vectors() -> dict[str, Any]:
    """Return new vectors."""
    return {
        "about": "Keys for tests only: they are public. docs/device-protocol.md describes this file.",
        "jose": jose.vectors(),
        "openpgp": openpgp.vectors(),
        "locked_pin_token": locked_pin_token(),
        "otp": otp(),
    }


def locked_pin_token() -> dict[str, Any]:
    """Return a PIN token as the reference device stores it, and the token that a wrong PIN unlocks."""
    locked = LockedToken.lock(PIN_TOKEN, "12345")
    return {
        "salt": locked.salt,
        "locked": locked.locked,
        "pin": "12345",
        "token": PIN_TOKEN,
        "wrong_pin": "54321",
        "token_of_wrong_pin": locked.unlock("54321"),
    }


def otp() -> dict[str, str]:
    content = {"transaction_id": TRANSACTION_ID, "otp": base64.b64encode(bytes(range(20))).decode()}
    return {"scanned": base64.b64encode(json.dumps(content).encode()).decode(), **content}


if __name__ == "__main__":
    FILE.write_text(json.dumps(build_vectors(), indent=1, ensure_ascii=False) + "\n")
