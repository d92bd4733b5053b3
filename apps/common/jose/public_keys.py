"""Public keys of another party: a JWK Set (RFC 7517) of RSA keys from 2,048 bits and EC keys on P-256."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

# Algorithms by the type of key. HMAC is excluded, so that a public key is never used as a secret.
ALGORITHMS = {"RSA": ("RS256", "PS256"), "EC": ("ES256",)}
ALL_ALGORITHMS = tuple(name for names in ALGORITHMS.values() for name in names)
CURVE = "P-256"
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
MAX_KEYS = 100
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
# Exceptions of joserfc and of the cryptography that it uses.
KEY_ERRORS = (JoseError, ValueError, TypeError, KeyError, OverflowError)

PublicKey = RSAKey | ECKey


class InvalidKeySet(ValueError):
    """JWK Set without a usable key, or with a private key. The text is translated."""


def parse(key_set: object) -> Sequence[PublicKey]:
    """Return the keys of a JWK Set that can verify signatures. Other keys are ignored (RFC 7517, 5).

    Raises InvalidKeySet without such a key, and for a private key.
    """
    members = key_set.get("keys") if isinstance(key_set, Mapping) else None
    if not isinstance(members, list) or not all(isinstance(key, Mapping) for key in members):
        raise InvalidKeySet(_("A JWK Set is a JSON object with the member keys, an array of keys."))
    if len(members) > MAX_KEYS:
        raise InvalidKeySet(_("The JWK Set has more than %(limit)d keys.") % {"limit": MAX_KEYS})
    if any(key.keys() & PRIVATE_MEMBERS for key in members):
        raise InvalidKeySet(_("The JWK Set contains a private key. Only public keys are allowed."))
    keys = [key for key in map(_parse_key, members) if key is not None]
    if not keys:
        raise InvalidKeySet(_("The JWK Set has no usable key: RSA with at least 2048 bits, or EC on P-256."))
    return keys


@lru_cache(maxsize=256)
def parse_text(text: str) -> Sequence[PublicKey]:
    """Parse a JWK Set as JSON text. Raises InvalidKeySet. Results are cached."""
    try:
        return parse(json.loads(text))
    except (RecursionError, json.JSONDecodeError):
        raise InvalidKeySet(_("The JWK Set is not valid JSON.")) from None


def _parse_key(members: Mapping[str, Any]) -> PublicKey | None:
    """Return the key, or None if it is of another type or use."""
    operations = members.get("key_ops")
    if members.get("use", "sig") != "sig" or (isinstance(operations, list) and "verify" not in operations):
        return None
    if members.get("alg", ALL_ALGORITHMS[0]) not in ALL_ALGORITHMS:
        return None
    try:
        return _import(members)
    except KEY_ERRORS:
        return None


def _import(members: Mapping[str, Any]) -> PublicKey | None:
    common = {name: members[name] for name in ("kty", "kid", "alg") if isinstance(members.get(name), str)}
    if members.get("kty") == "RSA":
        rsa_key = RSAKey.import_key({**common, "n": members["n"], "e": members["e"]})
        return rsa_key if MIN_RSA_BITS <= rsa_key.public_key.key_size <= MAX_RSA_BITS else None
    if members.get("kty") == "EC" and members.get("crv") == CURVE:
        return ECKey.import_key({**common, "crv": CURVE, "x": members["x"], "y": members["y"]})
    return None


def candidates(keys: Sequence[PublicKey], algorithm: str, kid: object) -> list[PublicKey]:
    """Return the keys that can verify a signature with this algorithm. A key without `kid` fits every token."""
    return [
        key
        for key in keys
        if algorithm in ALGORITHMS[str(key.key_type)]
        and key.get("alg") in (None, algorithm)
        and (kid is None or key.get("kid") in (None, kid))
    ]
