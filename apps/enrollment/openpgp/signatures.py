"""Transaction signing: signatures of a profile's primary key over signing data.

The algorithm is RSA (PKCS#1 v1.5, SHA-256) or Ed25519. The signatures are raw, without OpenPGP packets, so that a
portal can verify them with any tool.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from apps.enrollment.openpgp import certificates
from apps.enrollment.openpgp.public_keys import VerificationKey, read_verification_key


def _primary_key(armored: str) -> VerificationKey:
    """Return the primary key of a certificate."""
    return read_verification_key(certificates.parse_certificate(armored).primary.body)


def public_key_pem(armored: str) -> str:
    """Return the primary key of a certificate as SubjectPublicKeyInfo in PEM."""
    return _primary_key(armored).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_valid(armored: str, data: bytes, signature: bytes) -> bool:
    """Return True if the primary key of a certificate made the signature over the data."""
    key = _primary_key(armored)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True
