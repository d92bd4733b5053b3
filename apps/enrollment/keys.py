"""OpenPGP: server keys, device keys, sealed messages (signed by the sender, encrypted to the receiver).

pysequoia does the cryptography; parsed keys are kept per process because parsing costs more than sealing.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pysequoia
from pysequoia import Cert, CipherSuite, Profile, Tsk
from pysequoia.packet import PacketPile, Tag

from apps.common.exceptions import InvalidMessage, InvalidPublicKey
from apps.enrollment.models import Profile as UserProfile
from apps.enrollment.models import ServerKey
from apps.system import services as system

MAX_MESSAGE_BYTES = 64 * 1024
MAX_PUBLIC_KEY_CHARACTERS = 32 * 1024
MIN_RSA_BITS = 2048
CURVE25519 = bytes.fromhex("2b060104019755010501")
ED25519 = bytes.fromhex("2b06010401da470f01")

# pysequoia reports every fault as one of these.
FAULTS = (RuntimeError, ValueError, OSError, IndexError)


def server_key() -> ServerKey:
    """Return the key for a new enrolment: the shared one, made on first use, or one of its own."""
    if system.general().unique_pgp_keys_per_enrollment:
        return _create(shared=False)
    return ServerKey.objects.filter(shared=True).first() or _create(shared=True)


def _create(*, shared: bool) -> ServerKey:
    pair = Tsk.generate("Countersign", profile=Profile.RFC4880, cipher_suite=CipherSuite.Cv25519)
    secret = pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)
    public = str(pair.extract_certificate())
    if not shared:
        return ServerKey.objects.create(secret_key=secret, public_key=public)
    # Two first enrolments at once: the second takes the first one's key.
    key, _created = ServerKey.objects.get_or_create(shared=True, defaults={"secret_key": secret, "public_key": public})
    return key


@dataclass(frozen=True)
class _Pair:
    secret: Tsk
    certificate: Cert


@lru_cache(maxsize=256)
def _parsed_secret(armored: str) -> _Pair:
    secret = Tsk.from_bytes(armored.encode())
    return _Pair(secret, secret.extract_certificate())


def _pair(key: ServerKey) -> _Pair:
    return _parsed_secret(key.secret_key)


@lru_cache(maxsize=2048)
def _parsed_certificate(armored: str) -> Cert:
    return Cert.from_bytes(armored.encode())


def device_certificate(armored: str) -> Cert:
    """Check a device's public key; InvalidPublicKey when it is not one v4 key that is strong and can seal messages."""
    if len(armored) > MAX_PUBLIC_KEY_CHARACTERS:
        raise InvalidPublicKey
    try:
        certificate = Cert.from_bytes(armored.encode())
        packets = list(PacketPile.from_bytes(armored.encode()))
        usable = not certificate.is_revoked and packets[0].tag == Tag.PublicKey
        # Encrypting to it finds out whether it is live and has an encryption subkey.
        pysequoia.encrypt(b"", recipients=[certificate])
    except FAULTS:
        raise InvalidPublicKey from None
    keys = [packet for packet in packets if packet.tag in (Tag.PublicKey, Tag.PublicSubkey)]
    can_sign = any(packet.key_flags and packet.key_flags.signing for packet in packets)
    if not usable or not can_sign or not all(_is_strong(key.body) for key in keys):
        raise InvalidPublicKey
    return certificate


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


def seal(profile: UserProfile, content: dict[str, Any]) -> str:
    """Sign with the server's key and encrypt to the profile's; ASCII armour."""
    sealed = pysequoia.encrypt(
        json.dumps(content).encode(),
        recipients=[_parsed_certificate(profile.public_key)],
        signer=_pair(profile.server_key).secret.signer(),
    )
    return sealed.decode()


def open_sealed(profile: UserProfile, message: str) -> dict[str, Any]:
    """Open a message that is encrypted to the server and signed by this profile; anything else is InvalidMessage."""
    if len(message) > MAX_MESSAGE_BYTES or not _is_encrypted(message):
        raise InvalidMessage
    certificate = _parsed_certificate(profile.public_key)
    try:
        opened = pysequoia.decrypt(
            message.encode(), decryptor=_pair(profile.server_key).secret.decryptor(), store=lambda _ids: [certificate]
        )
        content = opened.bytes or b""
    except FAULTS:
        raise InvalidMessage from None
    signed = any(signature.certificate == certificate.fingerprint for signature in opened.valid_sigs)
    if not signed or len(content) > MAX_MESSAGE_BYTES:
        raise InvalidMessage
    try:
        parsed = json.loads(content)
    except ValueError:
        raise InvalidMessage from None
    if not isinstance(parsed, dict):
        raise InvalidMessage
    return parsed


def _is_encrypted(armored: str) -> bool:
    """Say whether the first packet is a public-key encrypted session key.

    pysequoia also opens messages that are only signed; what starts with such a packet can only be encrypted (RFC 9580,
    10.3).
    """
    head, _blank, body = armored.replace("\r\n", "\n").lstrip().partition("\n\n")
    if not head.startswith("-----BEGIN PGP MESSAGE-----"):
        return False
    try:
        first = base64.b64decode(body.lstrip()[:4])[0]
    except (binascii.Error, IndexError, ValueError):
        return False
    return first == 0xC1 or first & 0xFC == 0x84
