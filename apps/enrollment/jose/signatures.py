"""Transaction signing with ES256 (RFC 7518, 3.4): ECDSA on P-256 with SHA-256."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

# Length of a signature without DER: two numbers of 32 bytes, as WebCrypto and JOSE write it.
RAW_BYTES = 64


def verify(key: EllipticCurvePublicKey, data: bytes, signature: bytes) -> bytes | None:
    """Return a valid signature in DER, or None if it is not valid. The device sends DER or the raw numbers."""
    candidates = [signature]
    if len(signature) == RAW_BYTES:
        half = RAW_BYTES // 2
        numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        candidates.insert(0, encode_dss_signature(*numbers))
    return next((each for each in candidates if _is_valid(key, data, each)), None)


def _is_valid(key: EllipticCurvePublicKey, data: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, data, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
