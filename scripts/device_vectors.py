"""Write docs/test-vectors.json with new keys: `python -m scripts.device_vectors`. A test checks the file.

The vectors are made with the reference device and Sequoia, so that they test the code of the server independently.
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

from clients.python.countersign_device import KeyKind, LockedToken, MessageType, keys  # noqa: E402

FILE = ROOT / "docs" / "test-vectors.json"
TRANSACTION_ID = "1a5c6d6e-7a6b-4a27-8a4f-6f1d1f0a9b3c"
SIGNING_DATA = "Pay € 38.50 to Larkspur\nAccount NL02ABNA0123456789"
TOKEN, PIN_TOKEN = ("Z3Nd0nSdGmPcKpE0QzVvF4i2bqLRkq1J7yWm8yXx0aE", "q5ZC8eZ6mM0m3r0cT2m1gQ3nVd9wzH4y7bXkPpLs1uU")
KINDS = {"curve25519": KeyKind.CURVE25519, "rsa2048": KeyKind.RSA2048}


def build_vectors() -> dict[str, Any]:
    """Return new vectors."""
    server = keys.new_secret_key(KeyKind.CURVE25519, at=time.time())
    return {
        "about": "Keys for tests only: they are public. docs/device-protocol.md describes this file.",
        "server": {"secret_key": server, "public_key": keys.public_key(server)},
        "devices": [device(name, kind, server) for name, kind in KINDS.items()],
        "locked_pin_token": locked_pin_token(),
        "otp": otp(),
    }


def device(name: str, kind: KeyKind, server: str) -> dict[str, Any]:
    """Return the key of a device, sealed messages in both directions, and a signature."""
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
            label: {
                "content": content,
                "message": keys.seal(content, MessageType.ANSWER, secret, server_public, at=time.time()),
            }
            for label, content in to_server.items()
        },
        "signature": {"data": SIGNING_DATA, "signature": signature, "public_key_pem": keys.public_pem(secret)},
    }


def sealed_by_server(content: dict[str, Any], server: str, public: str) -> str:
    """Seal a message with Sequoia, because the reference device encrypts only to keys of the server."""
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
