"""Test vectors of OpenPGP keys."""

import base64
import json
import time
from typing import Any

import pysequoia
from pysequoia import Cert, Tsk

from clients.python.countersign_device import KeyKind, MessageType, keys
from scripts.vectors import contents
from scripts.vectors.openpgp_refused import Refusals

# Names of the devices: the types of keys that the server accepts.
KINDS = {"curve25519": KeyKind.CURVE25519, "ed25519": KeyKind.ED25519, "rsa2048": KeyKind.RSA2048}
# The device with the vectors that need an ECDH key.
ECDH_DEVICE = "curve25519"


def vectors() -> dict[str, Any]:
    server, other = (keys.new_secret_key(KeyKind.CURVE25519, at=time.time()) for _number in range(2))
    return {
        "server": _key_pair(server),
        "devices": [{"name": name, **_device(name, kind, server, other)} for name, kind in KINDS.items()],
    }


def _key_pair(secret_key: str) -> dict[str, str]:
    return {"secret_key": secret_key, "public_key": keys.public_key(secret_key)}


def _device(name: str, kind: KeyKind, server: str, other: str) -> dict[str, Any]:
    device = keys.new_secret_key(kind, at=time.time())
    signature = base64.b64encode(keys.sign(contents.SIGNING_DATA.encode(), device)).decode()
    return {
        **_key_pair(device),
        "to_device": {
            label: contents.vector(typ, content, _sealed_by_server(content, server, device))
            for label, (typ, content) in contents.to_device().items()
        },
        "to_server": {
            label: contents.vector(typ, content, _sealed(typ, content, device, server))
            for label, (typ, content) in contents.to_server({"approval": signature}).items()
        },
        "signature": {
            "data": contents.SIGNING_DATA,
            "signature": signature,
            "public_key_pem": keys.public_pem(device),
        },
        "refused": _refused(name, device, server, other),
    }


def _sealed(typ: MessageType, content: dict[str, Any], sender: str, receiver: str) -> str:
    return keys.seal(content, typ, sender, keys.public_key(receiver), at=time.time())


def _sealed_by_server(content: dict[str, Any], server: str, device: str) -> str:
    """Seal a message with Sequoia, because the reference device encrypts only to keys of the server."""
    receiver = Cert.from_bytes(keys.public_key(device).encode())
    return pysequoia.encrypt(
        json.dumps(content).encode(), recipients=[receiver], signer=Tsk.from_bytes(server.encode()).signer()
    ).decode()


def _refused(name: str, device: str, server: str, other: str) -> list[dict[str, str]]:
    directions = {
        "to_server": (Refusals(device, server, other, contents.DENIAL, is_to_server=True), MessageType.ANSWER),
        "to_device": (Refusals(server, device, other, contents.CHALLENGE, is_to_server=False), MessageType.CHALLENGE),
    }
    return [
        contents.refused(reason, direction, typ, message)
        for direction, (builder, typ) in directions.items()
        for reason, message in (
            *builder.messages(),
            *(builder.messages_to_ecdh_key() if name == ECDH_DEVICE else ()),
        )
    ]
