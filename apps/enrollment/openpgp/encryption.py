"""Encryption of messages to keys of devices (RFC 9580, 5.1 and 5.13.1).

pysequoia cannot encrypt to a key with a creation time in the future, which a device with a fast clock has.
"""

import hashlib
import os
from collections.abc import Iterable

import pysequoia
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from apps.enrollment.openpgp.ecdh import derive_wrapping_key, derive_x25519_wrapping_key
from apps.enrollment.openpgp.packets import Packet, Tag
from apps.enrollment.openpgp.public_keys import ECDH, POINT_BYTES, X25519, read_point, read_rsa_key

AES_256, KEY_BYTES = 9, 32
BLOCK_BYTES = 16
# Header of the modification detection code packet.
MDC_HEAD = b"\xd3\x14"


def encrypt(packets: bytes, receivers: Iterable[bytes]) -> str:
    """Encrypt packets to the keys with these packet bodies and return the message in ASCII armour.

    Raises ValueError if one of the keys cannot encrypt.
    """
    session_key = os.urandom(KEY_BYTES)
    session_packets = [Packet(Tag.SESSION_KEY, _encrypt_session_key(body, session_key)) for body in receivers]
    message = b"".join(map(bytes, [*session_packets, Packet(Tag.ENCRYPTED, _encrypt_container(packets, session_key))]))
    return pysequoia.armor(message, pysequoia.ArmorKind.Message)


def _encrypt_session_key(key: bytes, session_key: bytes) -> bytes:
    """Encrypt the session key to a key and return the body of a version 3 packet (5.1.1)."""
    fingerprint = hashlib.sha1(b"\x99" + len(key).to_bytes(2, "big") + key, usedforsecurity=False).digest()
    with_checksum = bytes([AES_256]) + session_key + (sum(session_key) & 0xFFFF).to_bytes(2, "big")
    head = b"\3" + fingerprint[-8:] + key[5:6]
    if key[5] == X25519:
        return head + _wrap_for_x25519(key[6 : 6 + POINT_BYTES], session_key)
    if key[5] == ECDH:
        return head + _wrap_for_ecdh(key[6:], with_checksum, fingerprint)
    return head + _write_mpi(read_rsa_key(key).encrypt(with_checksum, PKCS1v15()))


def _wrap_for_x25519(receiver: bytes, session_key: bytes) -> bytes:
    ephemeral, shared = _exchange_keys(receiver)
    wrapped = aes_key_wrap(derive_x25519_wrapping_key(ephemeral, receiver, shared), session_key)
    return ephemeral + bytes([1 + len(wrapped), AES_256]) + wrapped


def _wrap_for_ecdh(material: bytes, with_checksum: bytes, fingerprint: bytes) -> bytes:
    receiver, position = read_point(material)
    ephemeral, shared = _exchange_keys(receiver)
    key = derive_wrapping_key(shared, material[: 1 + material[0]], material[position : position + 4], fingerprint)
    padding = 8 - len(with_checksum) % 8
    wrapped = aes_key_wrap(key, with_checksum + bytes([padding]) * padding)
    return _write_mpi(b"\x40" + ephemeral) + bytes([len(wrapped)]) + wrapped


def _exchange_keys(receiver: bytes) -> tuple[bytes, bytes]:
    """Create an ephemeral key and return its public key and the secret shared with the receiver."""
    private = X25519PrivateKey.generate()
    return private.public_key().public_bytes_raw(), private.exchange(X25519PublicKey.from_public_bytes(receiver))


def _write_mpi(content: bytes) -> bytes:
    """Write a multiprecision integer (3.2)."""
    shortest = content.lstrip(b"\0")
    return int.from_bytes(shortest, "big").bit_length().to_bytes(2, "big") + shortest


def _encrypt_container(packets: bytes, session_key: bytes) -> bytes:
    """Encrypt packets in a version 1 container with integrity protection (5.13.1), which requires SHA-1."""
    prefix = os.urandom(BLOCK_BYTES)
    plain = prefix + prefix[-2:] + packets + MDC_HEAD
    plain += hashlib.sha1(plain, usedforsecurity=False).digest()
    encryptor = Cipher(AES(session_key), CFB(bytes(BLOCK_BYTES))).encryptor()
    return b"\1" + encryptor.update(plain) + encryptor.finalize()
