"""Transaction signing: signatures of a profile's primary key over signing data.

The algorithm is RSA (PKCS#1 v1.5, SHA-256) or Ed25519. The signatures are raw, without OpenPGP packets, so that a
portal can verify them with any tool.
"""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.enrollment.models import Profile
from apps.enrollment.openpgp import certificates
from apps.enrollment.openpgp.public_keys import VerificationKey, read_verification_key

# Longer than a signature of an RSA key with 8,192 bits in base64.
MAX_SIGNATURE_CHARACTERS = 2000


def public_key(profile: Profile) -> VerificationKey:
    """Return the primary key of the certificate with which the profile enrolled."""
    return read_verification_key(certificates.parse_certificate(profile.public_key).primary.body)


def public_key_pem(profile: Profile) -> str:
    """Return the primary key as SubjectPublicKeyInfo in PEM."""
    return public_key(profile).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_base64(text: str) -> bool:
    """Return True if a text is base64 and not longer than a signature can be."""
    try:
        return len(text) <= MAX_SIGNATURE_CHARACTERS and bool(base64.b64decode(text, validate=True))
    except ValueError:
        return False


def is_valid(profile: Profile, data: str, signature: str) -> bool:
    """Return True if `signature` (base64) is a valid signature of the profile over the UTF-8 bytes of `data`."""
    try:
        signature_bytes = base64.b64decode(signature, validate=True)
        key = public_key(profile)
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature_bytes, data.encode())
        else:
            key.verify(signature_bytes, data.encode(), PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
