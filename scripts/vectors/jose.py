"""Test vectors of JOSE keys."""

import base64
import json
import time
from typing import Any

from clients.python.countersign_device import KeyKind, MessageType, keys
from scripts.vectors import contents, jose_builder
from scripts.vectors.jose_builder import Side
from scripts.vectors.jose_refused import Refusals


def vectors() -> dict[str, Any]:
    server, device, other = (keys.new_secret_key(KeyKind.P256, at=time.time()) for _number in range(3))
    return {
        "server": _key_pair(server, with_kid=True),
        "devices": [{"name": "p256", **_device(device, server, other)}],
    }


def _key_pair(secret_key: str, *, with_kid: bool = False) -> dict[str, Any]:
    """Return both halves as JWK Sets. The server sends its public keys with their thumbprints."""
    public = json.loads(keys.public_key(secret_key))
    if with_kid:
        public = {"keys": [{**key, "kid": jose_builder.thumbprint(key)} for key in public["keys"]]}
    return {"secret_keys": json.loads(secret_key), "public_keys": public}


def _device(device: str, server: str, other: str) -> dict[str, Any]:
    der = keys.sign(contents.SIGNING_DATA.encode(), device)
    signatures = {"approval": der, "approval_with_raw_signature": jose_builder.raw_signature(der)}
    encoded = {name: base64.b64encode(signature).decode() for name, signature in signatures.items()}
    return {
        **_key_pair(device),
        "to_device": _sealed(contents.to_device(), server, device),
        "to_server": _sealed(contents.to_server(encoded), device, server),
        "signature": {
            "data": contents.SIGNING_DATA,
            "der": encoded["approval"],
            "raw": encoded["approval_with_raw_signature"],
            "public_key_pem": keys.public_pem(device),
        },
        "refused": _refused(device, server, other),
    }


def _sealed(messages: dict[str, tuple[MessageType, dict[str, Any]]], sender: str, receiver: str) -> dict[str, Any]:
    public = keys.public_key(receiver)
    return {
        name: contents.vector(typ, content, keys.seal(content, typ, sender, public, at=time.time()))
        for name, (typ, content) in messages.items()
    }


def _side(secret_key: str) -> Side:
    return Side(json.loads(secret_key)["keys"])


def refusals(device: str, server: str, other: str) -> dict[str, Refusals]:
    """Return the builders of the rejected messages by direction."""
    return {
        "to_server": Refusals(
            _side(device),
            _side(server),
            _side(other),
            MessageType.ANSWER,
            {"typ_other": MessageType.REGISTRATION, "typ_of_receiver": MessageType.CHALLENGE},
            contents.DENIAL,
            is_to_server=True,
        ),
        "to_device": Refusals(
            _side(server),
            _side(device),
            _side(other),
            MessageType.CHALLENGE,
            {"typ_other": MessageType.TOKEN, "typ_of_receiver": MessageType.ANSWER},
            contents.CHALLENGE,
            is_to_server=False,
        ),
    }


def _refused(device: str, server: str, other: str) -> list[dict[str, str]]:
    return [
        contents.refused(reason, direction, builder.expected, message)
        for direction, builder in refusals(device, server, other).items()
        for reason, message in builder.messages()
    ]
