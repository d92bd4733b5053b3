"""Verification of version 4 OpenPGP signatures (RFC 9580, 5.2) from devices with a fast clock.

Sequoia rejects keys and signatures that are newer than the server's clock, and pysequoia does not accept another time.
Every error is a ValueError.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA3_256, SHA3_512, SHA256, SHA384, SHA512, Hash, HashAlgorithm

from apps.enrollment.openpgp.packets import read_bytes, read_mpi, read_subpackets
from apps.enrollment.openpgp.public_keys import ED25519, POINT_BYTES, VerificationKey, read_verification_key

# Maximum time by which the clock of a device can be ahead of the server's clock.
MAX_CLOCK_LEAD = timedelta(minutes=10)
HASHES: dict[int, type[HashAlgorithm]] = {8: SHA256, 9: SHA384, 10: SHA512, 12: SHA3_256, 14: SHA3_512}
KEY_FRAME = b"\x99"
# Lengths of a version 4 key ID and fingerprint.
ISSUER_BYTES = (8, 20)


class SignatureType(IntEnum):
    """Types of signatures (5.2.1) in certificates and messages of devices."""

    BINARY = 0x00
    TEXT = 0x01
    GENERIC_CERTIFICATION = 0x10
    PERSONA_CERTIFICATION = 0x11
    CASUAL_CERTIFICATION = 0x12
    POSITIVE_CERTIFICATION = 0x13
    SUBKEY_BINDING = 0x18
    PRIMARY_KEY_BINDING = 0x19
    DIRECT_KEY = 0x1F
    KEY_REVOCATION = 0x20
    SUBKEY_REVOCATION = 0x28


class Subpacket(IntEnum):
    """Subpackets (5.2.3.7) that the verification uses."""

    CREATED = 2
    EXPIRES = 3
    KEY_EXPIRES = 9
    ISSUER_KEY_ID = 16
    KEY_FLAGS = 27
    EMBEDDED_SIGNATURE = 32
    ISSUER_FINGERPRINT = 33


class KeyFlag(IntFlag):
    """Permitted uses of a key (5.2.3.29)."""

    SIGN = 0x02
    ENCRYPT = 0x04 | 0x08


# An unknown critical subpacket makes a signature invalid. These types concern trust, preferences and features.
KNOWN_SUBPACKETS = {*Subpacket, 4, 5, 6, 7, 11, 12, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 34, 35, 39}


@dataclass(frozen=True)
class Signature:
    """Parsed version 4 signature packet. The signature covers the subpackets in `hashed`."""

    head: bytes
    hashed: dict[int, bytes]
    unhashed: dict[int, bytes]
    material: bytes

    @property
    def type(self) -> int:
        return self.head[1]

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(int.from_bytes(self.hashed[Subpacket.CREATED], "big"), UTC)

    @property
    def flags(self) -> int:
        return int.from_bytes(self.hashed.get(Subpacket.KEY_FLAGS, b"")[:1], "big")

    @property
    def key_lifetime(self) -> timedelta:
        """Lifetime of the bound key. Zero means no limit."""
        return self._seconds(Subpacket.KEY_EXPIRES)

    def _seconds(self, kind: Subpacket) -> timedelta:
        return timedelta(seconds=int.from_bytes(self.hashed.get(kind, b"")[:4], "big"))

    def is_valid_at(self, now: datetime) -> bool:
        """Return True if the signature has not expired and is at most MAX_CLOCK_LEAD in the future."""
        lifetime = self._seconds(Subpacket.EXPIRES)
        return self.created <= now + MAX_CLOCK_LEAD and (not lifetime or self.created + lifetime > now)

    def is_issued_by(self, fingerprint: str) -> bool:
        """Return True if the issuer of the signature is the key with this fingerprint."""
        fields = {**self.unhashed, **self.hashed}
        issuer = fields.get(Subpacket.ISSUER_FINGERPRINT, b"")[1:] or fields.get(Subpacket.ISSUER_KEY_ID, b"")
        return len(issuer) in ISSUER_BYTES and bytes.fromhex(fingerprint).endswith(issuer)

    def embedded(self) -> "Signature | None":
        """Return the embedded signature, which cross-certifies a subkey, or None if it is missing or malformed."""
        inner = self.hashed.get(Subpacket.EMBEDDED_SIGNATURE) or self.unhashed.get(Subpacket.EMBEDDED_SIGNATURE)
        try:
            return parse(inner or b"")
        except ValueError:
            return None

    def is_over(self, content: bytes, key: bytes) -> bool:
        """Return True if the key with this packet body signed the content of a message, as binary or text (5.2.1)."""
        if self.type == SignatureType.TEXT:
            return self.is_made_by(key, b"\r\n".join(content.replace(b"\r\n", b"\n").split(b"\n")))
        return self.type == SignatureType.BINARY and self.is_made_by(key, content)

    def is_made_by(self, key: bytes, *signed: bytes) -> bool:
        """Return True if the key with this packet body made the signature over `signed`."""
        hash_class = HASHES.get(self.head[3])
        if hash_class is None or self.head[2] != key[5]:
            return False
        digest = Hash(hash_class())
        for part in (*signed, self.head, b"\x04\xff", len(self.head).to_bytes(4, "big")):
            digest.update(part)
        try:
            _verify(read_verification_key(key), key[5], self.material, digest.finalize(), hash_class())
        except (InvalidSignature, ValueError):
            return False
        return True


def _verify(key: VerificationKey, algorithm: int, material: bytes, digest: bytes, used: HashAlgorithm) -> None:
    if algorithm == ED25519:
        first, position = read_bytes(material, 0, 2 * POINT_BYTES)
    else:
        first, position = read_mpi(material, 0)
    if not isinstance(key, Ed25519PublicKey):
        key.verify(first.rjust((key.key_size + 7) // 8, b"\0"), digest, PKCS1v15(), Prehashed(used))
    elif algorithm == ED25519:
        key.verify(first, digest)
    else:
        second, _end = read_mpi(material, position)
        key.verify(first.rjust(POINT_BYTES, b"\0") + second.rjust(POINT_BYTES, b"\0"), digest)


def parse(body: bytes) -> Signature:
    """Parse the body of a signature packet (5.2.3).

    Raises ValueError for another version or an unknown critical subpacket.
    """
    start, position = read_bytes(body, 0, 6)
    if start[0] != 4:
        raise ValueError("not a signature of version 4")
    hashed_area, position = read_bytes(body, position, int.from_bytes(start[4:], "big"))
    head = body[:position]
    length, position = read_bytes(body, position, 2)
    unhashed_area, position = read_bytes(body, position, int.from_bytes(length, "big"))
    _first_bits, position = read_bytes(body, position, 2)
    hashed = read_subpackets(hashed_area, KNOWN_SUBPACKETS)
    if len(hashed.get(Subpacket.CREATED, b"")) != 4:
        raise ValueError("signature without a creation time")
    return Signature(head, hashed, read_subpackets(unhashed_area), body[position:])


def frame_key(key: bytes) -> bytes:
    """Return the body of a key packet in the form that signatures cover (5.2.4)."""
    return KEY_FRAME + len(key).to_bytes(2, "big") + key
