"""Judging the OpenPGP public key that a device brings."""

from dataclasses import dataclass, field
from datetime import datetime

import pysequoia
from django.utils import timezone
from pysequoia import Cert
from pysequoia.packet import KeyFlags, Packet, PacketPile, SignatureType, Tag

from apps.common.exceptions import InvalidPublicKey

MAX_PUBLIC_KEY_CHARACTERS = 32 * 1024
MIN_RSA_BITS = 2048
CURVE25519 = bytes.fromhex("2b060104019755010501")
ED25519 = bytes.fromhex("2b06010401da470f01")

# pysequoia reports every fault as one of these.
FAULTS = (RuntimeError, ValueError, OSError, IndexError)

REVOCATIONS = (SignatureType.KeyRevocation, SignatureType.SubkeyRevocation)
BINDINGS = (
    SignatureType.DirectKey,
    SignatureType.GenericCertification,
    SignatureType.PersonaCertification,
    SignatureType.CasualCertification,
    SignatureType.PositiveCertification,
    SignatureType.SubkeyBinding,
)


@dataclass
class _Key:
    """A primary key or subkey, and the signatures that its owner made over it."""

    packet: Packet
    signatures: list[Packet] = field(default_factory=list)

    def is_live(self, now: datetime) -> bool:
        """Say whether the key is neither revoked nor expired nor still to come."""
        created = self.packet.key_created
        if created is None or created > now or any(each.signature_type in REVOCATIONS for each in self.signatures):
            return False
        newest = self.newest_binding()
        return newest is not None and (not newest.key_validity_period or created + newest.key_validity_period > now)

    def newest_binding(self) -> Packet | None:
        dated = [each for each in self.signatures if each.signature_type in BINDINGS and each.signature_created]
        return max(dated, key=lambda each: str(each.signature_created), default=None)

    @property
    def flags(self) -> KeyFlags | None:
        newest = self.newest_binding()
        return newest.key_flags if newest else None


def check(armored: str) -> Cert:
    """Return a device's certificate; InvalidPublicKey when it is not one v4 key that is strong and can seal messages.

    Every key in it must be strong. One live key must be able to sign, and one to encrypt: pysequoia would still encrypt
    to an expired one.
    """
    if len(armored) > MAX_PUBLIC_KEY_CHARACTERS:
        raise InvalidPublicKey
    try:
        certificate = Cert.from_bytes(armored.encode())
        keys = _keys(armored)
        revoked = certificate.is_revoked
        pysequoia.encrypt(b"", recipients=[certificate])
    except FAULTS:
        raise InvalidPublicKey from None
    live = [key for key in keys if key.is_live(timezone.now())]
    if revoked or keys[0] not in live or not all(_is_strong(key.packet.body) for key in keys):
        raise InvalidPublicKey
    flags = [key.flags for key in live if key.flags]
    can_sign = any(each.signing for each in flags)
    can_encrypt = any(each.transport_encryption or each.storage_encryption for each in flags)
    if not (can_sign and can_encrypt):
        raise InvalidPublicKey
    return certificate


def _keys(armored: str) -> list[_Key]:
    """Group a certificate's packets by key, primary first; ValueError when there is a secret key among them."""
    keys: list[_Key] = []
    for packet in PacketPile.from_bytes(armored.encode()):
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey):
            keys.append(_Key(packet))
        elif packet.tag in (Tag.SecretKey, Tag.SecretSubkey):
            raise ValueError("a secret key")
        elif packet.tag == Tag.Signature and packet.issuer_key_id in (None, keys[0].packet.key_id):
            keys[-1].signatures.append(packet)
    return keys


def _is_strong(body: bytes) -> bool:
    """Judge a public key packet's body (RFC 9580, 5.5.2): version 4; RSA from 2,048 bits, or Curve25519 in any form."""
    if len(body) < 8 or body[0] != 4:
        return False
    algorithm, material = body[5], body[6:]
    if algorithm in (1, 2, 3):
        return int.from_bytes(material[:2], "big") >= MIN_RSA_BITS
    if algorithm in (18, 22):
        oid = material[1 : 1 + material[0]]
        return oid == (CURVE25519 if algorithm == 18 else ED25519)
    return algorithm in (25, 27)  # X25519 and Ed25519 as RFC 9580 writes them
