"""Writes docs/test-vectors.json anew: `python -m scripts.device_vectors`. New keys each time; a test checks the file.

It uses the code of the reference device and Sequoia, so that the server's code, which opens the messages, is another.
"""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pysequoia  # noqa: E402
from pysequoia import Cert, Tsk  # noqa: E402

from clients.python.countersign_device import KeyKind, LockedToken, keys  # noqa: E402

FILE = ROOT / "docs" / "test-vectors.json"
TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"
SIGNING_DATA = "Pay € 38.50 to Larkspur\nAccount NL02ABNA0123456789"
TOKEN, PIN_TOKEN = ("Z3Nd0nSdGmPcKpE0QzVvF4i2bqLRkq1J7yWm8yXx0aE", "q5ZC8eZ6mM0m3r0cT2m1gQ3nVd9wzH4y7bXkPpLs1uU")
KINDS = {"curve25519": KeyKind.CURVE25519, "rsa2048": KeyKind.RSA2048}


def build_vectors() -> dict[str, Any]:
    """Return new vectors."""
    server = keys.new_secret_key(at=time.time())
    return {
        "about": "Keys for tests only: everybody has them. docs/device-protocol.md says what this is.",
        "server": {"secret_key": server, "public_key": keys.public_key(server)},
        "devices": [device(name, kind, server) for name, kind in KINDS.items()],
        "locked_pin_token": locked_pin_token(),
        "otp": otp(),
    }


def device(name: str, kind: KeyKind, server: str) -> dict[str, Any]:
    """Return one device's key, its sealed messages in both directions, and its signature."""
    secret = keys.new_secret_key(kind, at=time.time())
    public, server_public = keys.public_key(secret), keys.public_key(server)
    signature = base64.b64encode(keys.sign(SIGNING_DATA.encode(), secret)).decode()
    to_device = {"challenge": challenge(), "registered": {"token": PIN_TOKEN}}
    to_server = {
        "registration": {"type": "pin", "nonce": "b8zqkZ4e1mJx", "issued_at": 1795530539461},
        "approval": {
            "transaction_id": TRANSACTION_ID,
            "token": TOKEN,
            "authenticated": True,
            "credential": {"type": "pin", "token": PIN_TOKEN},
            "signature": signature,
        },
        "denial": {"transaction_id": TRANSACTION_ID, "token": TOKEN, "authenticated": False},
    }
    return {
        "name": name,
        "secret_key": secret,
        "public_key": public,
        "to_device": {
            label: {"content": content, "message": sealed_by_server(content, server, public)}
            for label, content in to_device.items()
        },
        "to_server": {
            label: {"content": content, "message": keys.seal(content, secret, server_public, at=time.time())}
            for label, content in to_server.items()
        },
        "signature": {"data": SIGNING_DATA, "signature": signature, "public_key_pem": keys.public_pem(secret)},
    }


def sealed_by_server(content: dict[str, Any], server: str, public: str) -> str:
    """Seal with Sequoia: the reference device encrypts to keys of the server's kind alone."""
    signer, receiver = Tsk.from_bytes(server.encode()).signer(), Cert.from_bytes(public.encode())
    return pysequoia.encrypt(json.dumps(content).encode(), recipients=[receiver], signer=signer).decode()


def challenge() -> dict[str, Any]:
    return {
        "transaction_id": TRANSACTION_ID,
        "message": "Anna, you pay from Firefox.",
        "timestamp": 1795530539461,
        "time_to_live": 300,
        "token": TOKEN,
        "type": {"name": "payment", "method": "push_with_pin", "transaction_signing": True},
        "signing_data": SIGNING_DATA,
    }


def locked_pin_token() -> dict[str, Any]:
    """Return how the reference device keeps a PIN's token, and what a wrong PIN makes of it."""
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
