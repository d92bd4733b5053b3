"""Public keys of a device: a JWK Set (RFC 7517) of two EC keys on P-256, one for signing and one for encryption."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from joserfc.jwk import ECKey
from joserfc.util import to_bytes, urlsafe_b64decode, urlsafe_b64encode

CURVE = "P-256"
COORDINATE_BYTES = 32
# Algorithms by the use of the key.
ALGORITHMS = {"sig": "ES256", "enc": "ECDH-ES+A256KW"}
KEY_MEMBERS = ("kty", "crv", "x", "y", "d")
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@dataclass(frozen=True)
class KeySet:
    """The two keys of a device or of the server, public or private."""

    signing: ECKey
    encryption: ECKey

    def as_json(self, *, private: bool = False, with_kid: bool = False) -> dict[str, Any]:
        """Return the key set as JSON members. `kid` is the thumbprint (RFC 7638)."""
        members: list[dict[str, Any]] = []
        for use, key in (("sig", self.signing), ("enc", self.encryption)):
            kid = {"kid": key.thumbprint()} if with_kid else {}
            numbers = {name: value for name, value in key.as_dict(private=private).items() if name in KEY_MEMBERS}
            members.append({**numbers, "use": use, "alg": ALGORITHMS[use], **kid})
        return {"keys": members}


def read_device_keys(sent: object) -> KeySet:
    """Read the key set of a device. Unknown public members are ignored. Raises ValueError if it is not valid."""
    keys = sent.get("keys") if isinstance(sent, Mapping) else None
    if not isinstance(keys, list) or len(keys) != len(ALGORITHMS):
        raise ValueError("not a set of two keys")
    by_use = {use: [key for key in keys if isinstance(key, Mapping) and key.get("use") == use] for use in ALGORITHMS}
    if any(len(found) != 1 for found in by_use.values()):
        raise ValueError("not one key for each use")
    signing, encryption = (_read_public_key(by_use[use][0], algorithm) for use, algorithm in ALGORITHMS.items())
    if signing.thumbprint() == encryption.thumbprint():
        raise ValueError("the same key twice")
    return KeySet(signing, encryption)


def _read_public_key(members: Mapping[str, Any], algorithm: str) -> ECKey:
    if members.keys() & PRIVATE_MEMBERS:
        raise ValueError("a private key")
    if (members.get("kty"), members.get("crv"), members.get("alg")) != ("EC", CURVE, algorithm):
        raise ValueError("another type of key")
    return public_key(members)


def public_key(members: Mapping[str, Any]) -> ECKey:
    """Return the key with the coordinates `x` and `y`. Raises ValueError if they are not a point of the curve."""
    x, y = (_coordinate(members.get(name)) for name in ("x", "y"))
    # Checks that the point is on the curve.
    EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1()).public_key()
    return ECKey.import_key(
        {"kty": "EC", "crv": CURVE, "x": urlsafe_b64encode(x).decode(), "y": urlsafe_b64encode(y).decode()}
    )


def _coordinate(value: object) -> bytes:
    """Decode a coordinate, which has its full length with leading zeros (RFC 7518, 6.2.1.2)."""
    decoded = urlsafe_b64decode(to_bytes(value)) if isinstance(value, str) else b""
    if len(decoded) != COORDINATE_BYTES or urlsafe_b64encode(decoded).decode() != value:
        raise ValueError("not a coordinate of P-256")
    return decoded


@lru_cache(maxsize=2048)
def parse_stored(text: str) -> KeySet:
    """Parse a stored key set, public or private, whose first key signs. Results are cached."""
    signing, encryption = (
        ECKey.import_key({name: each[name] for name in KEY_MEMBERS if name in each})
        for each in json.loads(text)["keys"]
    )
    return KeySet(signing, encryption)
