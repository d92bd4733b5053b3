"""Signatures over a portal's data, made with a profile's primary key: RSA (PKCS#1 v1.5, SHA-256) or Ed25519.

They are plain signatures and no OpenPGP packets, so that a portal can verify them with any tool from the public key.
"""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pysequoia.packet import PacketPile, Tag

from apps.enrollment.models import Profile
from apps.enrollment.packets import number

# RSA with 8,192 bits in base64, and some room.
MAX_SIGNATURE_CHARACTERS = 2000
ED25519_LEGACY, ED25519 = 22, 27
ED25519_BYTES = 32

PublicKey = RSAPublicKey | Ed25519PublicKey


def public_key(profile: Profile) -> PublicKey:
    """Read the primary key out of the certificate with which the profile enrolled (RFC 9580, 5.5.2)."""
    [body, *_others] = [
        packet.body for packet in PacketPile.from_bytes(profile.public_key.encode()) if packet.tag == Tag.PublicKey
    ]
    algorithm, material = body[5], body[6:]
    if algorithm == ED25519:
        return Ed25519PublicKey.from_public_bytes(material[:ED25519_BYTES])
    if algorithm == ED25519_LEGACY:
        # The curve's name, then a point with a mark in front of it.
        point, _end = number(material, 1 + material[0])
        return Ed25519PublicKey.from_public_bytes(point[-ED25519_BYTES:])
    modulus, position = number(material, 0)
    exponent, _end = number(material, position)
    return RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()


def pem(profile: Profile) -> str:
    """Return the primary key as SubjectPublicKeyInfo in PEM."""
    return public_key(profile).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_base64(text: str) -> bool:
    """Say whether a text could be a signature: base64, and no longer than any is."""
    try:
        return len(text) <= MAX_SIGNATURE_CHARACTERS and bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def is_valid(profile: Profile, data: str, signature: str) -> bool:
    """Say whether `signature` (base64) is the profile's over the UTF-8 bytes of `data`."""
    try:
        made = base64.b64decode(signature, validate=True)
        key = public_key(profile)
        if isinstance(key, Ed25519PublicKey):
            key.verify(made, data.encode())
        else:
            key.verify(made, data.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
