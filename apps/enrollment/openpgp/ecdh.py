"""Derivation of the keys that wrap session keys for Curve25519 (RFC 9580, 5.1.6 and 11.5)."""

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from apps.enrollment.openpgp.public_keys import ECDH

HASHES = {8: "sha256", 9: "sha384", 10: "sha512"}
AES_KEY_BYTES = {7: 16, 8: 24, 9: 32}


def derive_wrapping_key(shared: bytes, oid: bytes, kdf: bytes, fingerprint: bytes) -> bytes:
    """Derive the wrapping key of an ECDH subkey: `oid` and `kdf` are fields of its packet, with their lengths.

    Raises ValueError if the key requires an unsupported algorithm.
    """
    if len(kdf) != 4 or kdf[2] not in HASHES or kdf[3] not in AES_KEY_BYTES:
        raise ValueError("unknown key derivation")
    parameters = oid + bytes([ECDH]) + kdf + b"Anonymous Sender    " + fingerprint
    derived = hashlib.new(HASHES[kdf[2]], b"\0\0\0\1" + shared + parameters).digest()
    return derived[: AES_KEY_BYTES[kdf[3]]]


def derive_x25519_wrapping_key(ephemeral: bytes, receiver: bytes, shared: bytes) -> bytes:
    """Derive the wrapping key of an X25519 subkey."""
    return HKDF(SHA256(), 16, None, b"OpenPGP X25519").derive(ephemeral + receiver + shared)
