"""Public key material of OpenPGP packets (RFC 9580, 5.5.2 and 5.5.5)."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from apps.enrollment.openpgp.packets import read_mpi

RSA = (1, 2, 3)
ECDH, ED25519_LEGACY, X25519, ED25519 = 18, 22, 25, 27
CURVE25519, ED25519_OID = bytes.fromhex("2b060104019755010501"), bytes.fromhex("2b06010401da470f01")
POINT_BYTES = 32
# Verification with larger numbers takes seconds.
MAX_RSA_BITS, MAX_EXPONENT_BYTES = 8192, 8

VerificationKey = RSAPublicKey | Ed25519PublicKey


def read_verification_key(body: bytes) -> VerificationKey:
    """Return the key of a packet body that verifies signatures. Raises ValueError for another key type."""
    algorithm, material = body[5], body[6:]
    if algorithm == ED25519:
        return Ed25519PublicKey.from_public_bytes(material[:POINT_BYTES])
    if algorithm == ED25519_LEGACY:
        return Ed25519PublicKey.from_public_bytes(read_point(material)[0])
    return read_rsa_key(body)


def read_rsa_key(body: bytes) -> RSAPublicKey:
    """Return the RSA key of a packet body. Raises ValueError for another key type or a key that is too large."""
    if body[5] not in RSA:
        raise ValueError("not an RSA key")
    modulus, position = read_mpi(body, 6)
    exponent, _end = read_mpi(body, position)
    if len(modulus) * 8 > MAX_RSA_BITS or len(exponent) > MAX_EXPONENT_BYTES:
        raise ValueError("RSA key is too large")
    return RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big")).public_key()


def read_point(material: bytes) -> tuple[bytes, int]:
    """Return the Curve25519 point that follows the curve OID, and the position after it."""
    marked, position = read_mpi(material, 1 + material[0])
    if len(marked) != 1 + POINT_BYTES or marked[0] != 0x40:
        raise ValueError("not a point of Curve25519")
    return marked[1:], position
