"""OpenPGP keys of the device (RFC 9580, version 4): a primary key that signs, and a subkey that encrypts."""

import json
from typing import Any

import pysequoia
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pysequoia import Tsk
from pysequoia.packet import KeyFlags, Packet, PacketPile, Tag

from . import content as contents
from . import openpgp_operations as operations
from .kinds import KeyKind, MessageType
from .openpgp_operations import SecretKey

ARMOR = "-----BEGIN PGP"
# Maximum difference between the time of a signature of the server and the known time of the server.
MAX_LEAD_SECONDS = 600
BINARY, CERTIFICATION, BINDING = 0x00, 0x13, 0x18
SIGNS_AND_CERTIFIES, ENCRYPTS = b"\x03", b"\x0c"
# AES-256 and AES-128, SHA-512 and SHA-256, no compression, and containers with protection against changes.
PREFERENCES = b"".join(
    operations.subpacket(kind, content)
    for kind, content in ((11, b"\x09\x07"), (21, b"\x0a\x08"), (22, b"\0"), (30, b"\x01"))
)
RSA_BITS = {KeyKind.RSA2048: 2048, KeyKind.RSA3072: 3072, KeyKind.RSA4096: 4096}


def new_secret_key(kind: KeyKind, *, at: float) -> str:
    """Create an armoured key."""
    created_at, user = int(at), b"device"
    primary, subkey = _new_keys(kind, created_at)
    certification_data = operations.framed(primary.public) + b"\xb4" + len(user).to_bytes(4, "big") + user
    binding_data = operations.framed(primary.public) + operations.framed(subkey.public)
    packets = [
        operations.write_secret(operations.SECRET_KEY, primary),
        operations.packet(operations.USER_ID, user),
        operations.sign(
            CERTIFICATION, primary, created_at, certification_data, _flags(SIGNS_AND_CERTIFIES) + PREFERENCES
        ),
        operations.write_secret(operations.SECRET_SUBKEY, subkey),
        operations.sign(BINDING, primary, created_at, binding_data, _flags(ENCRYPTS)),
    ]
    return pysequoia.armor(b"".join(packets), pysequoia.ArmorKind.SecretKey)


def _new_keys(kind: KeyKind, created_at: int) -> tuple[SecretKey, SecretKey]:
    if kind == KeyKind.CURVE25519:
        return operations.new_ed25519_legacy(created_at), operations.new_curve25519_legacy(created_at)
    if kind == KeyKind.ED25519:
        return operations.new_ed25519(created_at), operations.new_x25519(created_at)
    first, second = (rsa.generate_private_key(65537, RSA_BITS[kind]) for _number in range(2))
    return operations.rsa_key(created_at, first), operations.rsa_key(created_at, second)


def _flags(flags: bytes) -> bytes:
    return operations.subpacket(27, flags)


def public_key(secret_key: str) -> str:
    """Return the armoured public key."""
    return str(Tsk.from_bytes(secret_key.encode()).extract_certificate())


def enrollment_members(secret_key: str) -> dict[str, Any]:
    return {"public_key": public_key(secret_key)}


def read_server_key(enrolled: dict[str, Any]) -> str:
    return str(enrolled["server_public_key"])


def seal(
    content: dict[str, Any],
    _typ: MessageType,  # not part of an OpenPGP message
    secret_key: str,
    receiver: str,
    *,
    at: float,
) -> str:
    data = json.dumps(content).encode()
    [signer, *_others] = [operations.read_secret(key.body) for key, flags in _keys(secret_key) if flags.signing]
    # Other programs reject a signature that is older than its key, and two times of the server can differ by a second.
    signature = operations.sign(BINARY, signer, max(int(at), signer.created), data)
    announced = bytes([3, BINARY, operations.HASH_SHA512, signer.algorithm]) + signer.fingerprint[-8:] + b"\x01"
    one_pass = operations.packet(operations.ONE_PASS_SIGNATURE, announced)
    literal = operations.packet(operations.LITERAL, b"b\0" + bytes(4) + data)
    message = operations.encrypt(one_pass + literal + signature, _encryption_key(receiver))
    return pysequoia.armor(message, pysequoia.ArmorKind.Message)


def open_sealed(
    message: str,
    _typ: MessageType,  # not part of an OpenPGP message
    secret_key: str,
    sender: str,
    *,
    at: float,
) -> dict[str, Any]:
    contents.check_size(message)
    own_keys = [operations.read_secret(key.body) for key, flags in _keys(secret_key) if _can_encrypt(flags)]
    packets = operations.decrypt(_packets(message), own_keys)
    if [packet.tag for packet in packets] != [Tag.OnePassSig, Tag.Literal, Tag.Signature]:
        raise ValueError("not signed by the sender")
    _announced, literal, signature = packets
    data, signers = literal.literal_data or b"", [key.body for key, flags in _keys(sender) if flags.signing]
    if not any(operations.is_signed_by(signature.body, signer, data) for signer in signers):
        raise ValueError("not signed by the sender")
    if signature.signature_created is None or signature.signature_created.timestamp() > at + MAX_LEAD_SECONDS:
        raise ValueError("signed in the future")
    return contents.parse(data)


def _packets(armored: str) -> list[Packet]:
    try:
        return list(PacketPile.from_bytes(armored.encode()))
    except (RuntimeError, OSError, IndexError):
        # The message of pysequoia contains its whole call stack.
        raise ValueError("not OpenPGP") from None


def _keys(armored: str) -> list[tuple[Packet, KeyFlags]]:
    """Return the keys with their key flags from the signature after each key."""
    keys: list[tuple[Packet, KeyFlags]] = []
    key: Packet | None = None
    for packet in _packets(armored):
        if packet.tag in (Tag.PublicKey, Tag.PublicSubkey, Tag.SecretKey, Tag.SecretSubkey):
            key = packet
        elif key is not None and packet.key_flags is not None:
            keys.append((key, packet.key_flags))
            key = None
    return keys


def _can_encrypt(flags: KeyFlags) -> bool:
    return flags.transport_encryption or flags.storage_encryption


def _encryption_key(receiver: str) -> bytes:
    for key, flags in _keys(receiver):
        if _can_encrypt(flags) and key.body[5] == operations.ECDH:
            return key.body
    raise ValueError("not a key of the server's kind")


def sign(data: bytes, secret_key: str) -> bytes:
    """Return a plain signature of the primary key."""
    key = _primary_key(secret_key)
    return key.sign(data) if isinstance(key, Ed25519PrivateKey) else key.sign(data, PKCS1v15(), SHA256())


def public_pem(secret_key: str) -> str:
    public = _primary_key(secret_key).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _primary_key(secret_key: str) -> Ed25519PrivateKey | RSAPrivateKey:
    private = operations.read_secret(_packets(secret_key)[0].body).private
    if not isinstance(private, Ed25519PrivateKey | RSAPrivateKey):
        raise ValueError("this kind of key cannot sign a portal's data")  # noqa: TRY004 - all errors of keys and messages are ValueError
    return private
