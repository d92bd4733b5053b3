"""Certificates of devices: their keys, the signatures that bind them, and the keys for signing and encryption.

All verification is independent of Sequoia's clock: a key of a device whose clock is ahead can be used immediately.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from django.utils import timezone
from pysequoia import Cert
from pysequoia.packet import Packet, PacketPile, Tag

from apps.common import errors
from apps.enrollment.openpgp import encryption
from apps.enrollment.openpgp.public_keys import CURVE25519, ECDH, ED25519, ED25519_LEGACY, ED25519_OID, RSA, X25519
from apps.enrollment.openpgp.verification import MAX_CLOCK_LEAD, KeyFlag, Signature, SignatureType, frame_key, parse

MAX_PUBLIC_KEY_CHARACTERS = 32 * 1024
MAX_PACKETS = 64
MIN_RSA_BITS = 2048

# Exceptions of pysequoia. An invalid packet raises ValueError.
OPENPGP_ERRORS = (RuntimeError, ValueError, OSError, IndexError)

CERTIFICATIONS = (
    SignatureType.GENERIC_CERTIFICATION,
    SignatureType.PERSONA_CERTIFICATION,
    SignatureType.CASUAL_CERTIFICATION,
    SignatureType.POSITIVE_CERTIFICATION,
)
# How a user ID and a user attribute are framed in a signature (RFC 9580, 5.2.4).
USER_FRAMES = {int(Tag.UserID): b"\xb4", int(Tag.UserAttribute): b"\xd1"}


@dataclass
class Key:
    """A primary key or subkey with the verified signatures of the primary key over it."""

    body: bytes
    fingerprint: str
    created: datetime
    bindings: list[Signature] = field(default_factory=list)
    is_revoked: bool = False

    def binding(self, now: datetime) -> Signature | None:
        """Return the newest valid binding, which contains the flags of the key."""
        return max(
            (each for each in self.bindings if each.is_valid_at(now)), key=lambda each: each.created, default=None
        )

    def is_valid_at(self, now: datetime) -> bool:
        """Return True if the key is bound, not revoked, not expired and at most MAX_CLOCK_LEAD in the future."""
        binding = self.binding(now)
        if binding is None or self.is_revoked or self.created > now + MAX_CLOCK_LEAD:
            return False
        return not binding.key_lifetime or self.created + binding.key_lifetime > now

    def has_flag(self, flag: KeyFlag, now: datetime) -> bool:
        binding = self.binding(now)
        return binding is not None and bool(binding.flags & flag)

    def is_cross_certified(self, primary: "Key", now: datetime) -> bool:
        """Return True if the subkey signed its binding (5.2.1.9), which excludes keys of other certificates."""
        binding = self.binding(now)
        back_signature = binding.embedded() if binding else None
        return (
            back_signature is not None
            and back_signature.type == SignatureType.PRIMARY_KEY_BINDING
            and back_signature.is_valid_at(now)
            and back_signature.is_made_by(self.body, frame_key(primary.body), frame_key(self.body))
        )

    @property
    def is_strong(self) -> bool:
        """Return True if the key has version 4 (5.5.2) and is RSA of at least 2,048 bits or Curve25519."""
        if len(self.body) < 8 or self.body[0] != 4:
            return False
        algorithm, material = self.body[5], self.body[6:]
        if algorithm in RSA:
            return int.from_bytes(material[:2], "big") >= MIN_RSA_BITS
        if algorithm in (ECDH, ED25519_LEGACY):
            oid = material[1 : 1 + material[0]]
            return oid == (CURVE25519 if algorithm == ECDH else ED25519_OID)
        return algorithm in (X25519, ED25519)


@dataclass(frozen=True)
class Certificate:
    """Certificate of a device. `keys[0]` is the primary key."""

    armored: str
    keys: list[Key]

    @property
    def primary(self) -> Key:
        return self.keys[0]

    def signers(self, now: datetime) -> list[Key]:
        """Return the valid keys with the signing flag. Subkeys must be cross-certified."""
        if not self.primary.is_valid_at(now):
            return []
        candidates = [key for key in self.keys if key.is_valid_at(now) and key.has_flag(KeyFlag.SIGN, now)]
        return [key for key in candidates if key is self.primary or key.is_cross_certified(self.primary, now)]

    def receivers(self, now: datetime) -> list[Key]:
        """Return the valid keys with an encryption flag, or the expired ones if no key is valid."""
        candidates = [key for key in self.keys if key.has_flag(KeyFlag.ENCRYPT, now) and not key.is_revoked]
        return [key for key in candidates if key.is_valid_at(now)] or candidates

    def is_usable(self, now: datetime) -> bool:
        """Return True if a device can enrol with this certificate.

        Every key must be strong and bound, and every subkey with the signing flag must be cross-certified.
        """
        signing_subkeys = [key for key in self.keys[1:] if key.has_flag(KeyFlag.SIGN, now)]
        return (
            all(key.is_strong and key.bindings for key in self.keys)
            and all(key.is_cross_certified(self.primary, now) for key in signing_subkeys)
            and any(key.is_valid_at(now) for key in self.receivers(now))
            and bool(self.signers(now))
        )


def validate(armored: str) -> Certificate:
    """Parse and validate the certificate of a device. Raises InvalidPublicKey if a device cannot enrol with it.

    Every key must be strong and bound. One valid key must be able to sign, and one to encrypt.
    """
    now = timezone.now()
    if len(armored) > MAX_PUBLIC_KEY_CHARACTERS:
        raise errors.InvalidPublicKey
    try:
        parsed = Cert.from_bytes(armored.encode())
        certificate = parse_certificate(str(parsed))
        if _has_secret_keys(armored) or parsed.is_revoked or not certificate.is_usable(now):
            raise errors.InvalidPublicKey
        encryption.encrypt(b"", [key.body for key in certificate.receivers(now)])
    except OPENPGP_ERRORS:
        raise errors.InvalidPublicKey from None
    return certificate


def _has_secret_keys(armored: str) -> bool:
    return any(packet.tag in (Tag.SecretKey, Tag.SecretSubkey) for packet in PacketPile.from_bytes(armored.encode()))


@lru_cache(maxsize=2048)
def parse_certificate(armored: str) -> Certificate:
    """Parse a certificate and verify the signatures that bind its keys. Results are cached, as parsing is slow.

    Raises ValueError if it is malformed or has more than MAX_PACKETS packets.
    """
    keys: list[Key] = []
    user: Packet | None = None
    packets = PacketPile.from_bytes(armored.encode())
    if len(packets) > MAX_PACKETS:
        raise ValueError("too many packets")
    for packet in packets:
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey):
            keys.append(_parse_key(packet))
            user = None
        elif packet.tag == Tag.Signature:
            _attach_signature(packet.body, keys, user)
        else:
            user = packet
    return Certificate(armored, keys)


def _parse_key(packet: Packet) -> Key:
    if packet.fingerprint is None or packet.key_created is None:
        raise ValueError("unknown key type")
    return Key(packet.body, packet.fingerprint, packet.key_created)


def _attach_signature(body: bytes, keys: list[Key], user: Packet | None) -> None:
    """Add a signature of the primary key to the key that it binds or revokes. Other signatures are ignored."""
    primary, key = keys[0], keys[-1]
    signed = [frame_key(primary.body)]
    bindings: tuple[SignatureType, ...]
    if user is not None:
        bindings, revocation = CERTIFICATIONS, None
        signed += [USER_FRAMES.get(int(user.tag), b""), len(user.body).to_bytes(4, "big"), user.body]
    elif key is primary:
        bindings, revocation = (SignatureType.DIRECT_KEY,), SignatureType.KEY_REVOCATION
    else:
        bindings, revocation = (SignatureType.SUBKEY_BINDING,), SignatureType.SUBKEY_REVOCATION
        signed.append(frame_key(key.body))
    try:
        signature = parse(body)
    except ValueError:
        return
    if signature.type in (*bindings, revocation) and signature.is_made_by(primary.body, *signed):
        key.is_revoked |= signature.type == revocation
        if signature.type != revocation:
            key.bindings.append(signature)
