"""Decryption of messages to one of the server's keys (RFC 9580).

pysequoia rejects compressed messages, which GnuPG and many mobile libraries send, and decompresses others without a
limit. Every error is a ValueError.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from pysequoia.packet import PacketPile
from pysequoia.packet import Tag as KeyTag

from apps.enrollment.openpgp.ecdh import AES_KEY_BYTES, derive_wrapping_key
from apps.enrollment.openpgp.packets import Packet, Tag, dearmor, decompress, read_bytes, read_mpi, split_packets
from apps.enrollment.openpgp.public_keys import ECDH

BLOCK_BYTES = 16
MDC_BYTES = 22
CHUNK_TAG_BYTES = 16
# Authenticated encryption modes, with the length of their nonces.
AEAD: dict[int, tuple[type[AESOCB3] | type[AESGCM], int]] = {2: (AESOCB3, 15), 3: (AESGCM, 12)}


@dataclass(frozen=True)
class DecryptionKey:
    """Curve25519 key that decrypts session keys. `oid` and `kdf` are fields of its packet (11.5)."""

    private: X25519PrivateKey
    fingerprint: bytes
    oid: bytes
    kdf: bytes


def read_decryption_key(secret_key: bytes) -> DecryptionKey:
    """Return the encryption subkey of a secret key of the server."""
    for packet in PacketPile.from_bytes(secret_key):
        body = packet.body
        if packet.tag == KeyTag.SecretSubkey and body[5] == ECDH:
            oid = body[6 : 7 + body[6]]
            _point, position = read_mpi(body, 6 + len(oid))
            scalar, _end = read_mpi(body, position + 5)
            return DecryptionKey(
                private=X25519PrivateKey.from_private_bytes(scalar.rjust(32, b"\0")[::-1]),
                fingerprint=bytes.fromhex(packet.fingerprint or ""),
                oid=oid,
                kdf=body[position : position + 4],
            )
    raise ValueError("no encryption subkey")


def open_message(armored: str, key: DecryptionKey, limit: int) -> list[Packet]:
    """Decrypt a message and return its packets. Compressed content can have at most `limit` bytes."""
    *session_packets, container = split_packets(dearmor(armored))
    if container.tag != Tag.ENCRYPTED or any(each.tag not in (Tag.SESSION_KEY, Tag.MARKER) for each in session_packets):
        raise ValueError("not an encrypted message")
    inner = [
        each
        for each in split_packets(_decrypt(session_packets, container.body, key))
        if each.tag not in (Tag.MARKER, Tag.PADDING)
    ]
    if [each.tag for each in inner] == [Tag.COMPRESSED]:
        inner = split_packets(decompress(inner[0].body, limit))
    return inner


def _decrypt(session_packets: list[Packet], container: bytes, key: DecryptionKey) -> bytes:
    version = container[:1]
    if version == b"\1":
        return _decrypt_v1(container, _find_session_key(session_packets, key, 3))
    if version == b"\2":
        return _decrypt_v2(container, _find_session_key(session_packets, key, 6))
    raise ValueError("unknown container version")


def _find_session_key(session_packets: list[Packet], key: DecryptionKey, version: int) -> bytes:
    """Return the session key from the packets (5.1) that are addressed to this key or to an anonymous recipient."""
    if version == 3:
        prefixes = (bytes([3]) + key.fingerprint[-8:], bytes([3]) + bytes(8))
    else:
        prefixes = (bytes([6, 21, 4]) + key.fingerprint, bytes([6, 0]))
    for session in session_packets:
        for name in prefixes:
            if session.tag == Tag.SESSION_KEY and session.body.startswith(name + bytes([ECDH])):
                try:
                    return _unwrap(session.body[len(name) + 1 :], key, has_cipher=version == 3)
                except InvalidUnwrap:
                    continue
    raise ValueError("not encrypted to this key")


def _unwrap(fields: bytes, key: DecryptionKey, *, has_cipher: bool) -> bytes:
    """Unwrap a session key (11.5). In version 3 packets, the cipher id precedes the key."""
    read_point, position = read_mpi(fields, 0)
    if len(read_point) != 33 or read_point[0] != 0x40:
        raise ValueError("not a point of Curve25519")
    (length,), position = read_bytes(fields, position, 1)
    wrapped, _end = read_bytes(fields, position, length)
    shared = key.private.exchange(X25519PublicKey.from_public_bytes(read_point[1:]))
    padded = aes_key_unwrap(derive_wrapping_key(shared, key.oid, key.kdf, key.fingerprint), wrapped)
    unpadded = padded[: -padded[-1]]
    cipher, session_key, checksum = unpadded[:has_cipher], unpadded[has_cipher:-2], unpadded[-2:]
    lengths = [AES_KEY_BYTES.get(cipher[0], 0)] if has_cipher else AES_KEY_BYTES.values()
    if len(session_key) not in lengths or (sum(session_key) & 0xFFFF).to_bytes(2, "big") != checksum:
        raise ValueError("not an AES session key")
    return session_key


def _decrypt_v1(container: bytes, session_key: bytes) -> bytes:
    """Decrypt a version 1 container (5.13.1) and verify its integrity."""
    decryptor = Cipher(AES(session_key), CFB(bytes(BLOCK_BYTES))).decryptor()
    plain = decryptor.update(container[1:]) + decryptor.finalize()
    content, code = plain[:-MDC_BYTES], plain[-MDC_BYTES:]
    # RFC 9580 requires SHA-1 here. The hash is encrypted, and the signature authenticates the sender.
    expected = b"\xd3\x14" + hashlib.sha1(content + b"\xd3\x14", usedforsecurity=False).digest()
    if not hmac.compare_digest(code, expected):
        raise ValueError("container was modified")
    return content[BLOCK_BYTES + 2 :]


def _decrypt_v2(container: bytes, session_key: bytes) -> bytes:
    """Decrypt a version 2 container (5.13.2): authenticated chunks and a final tag over their number and length."""
    header, position = read_bytes(container, 0, 4)
    salt, position = read_bytes(container, position, 32)
    cipher, aead, size = header[1], header[2], header[3]
    if len(session_key) != AES_KEY_BYTES.get(cipher) or aead not in AEAD or size > 16:
        raise ValueError("unknown cipher")
    algorithm, nonce_bytes = AEAD[aead]
    info = bytes([0xC0 | Tag.ENCRYPTED]) + header
    derived = HKDF(SHA256(), len(session_key) + nonce_bytes - 8, salt, info).derive(session_key)
    box, start = algorithm(derived[: len(session_key)]), derived[len(session_key) :]
    step = (1 << (size + 6)) + CHUNK_TAG_BYTES
    body, last = container[position:-CHUNK_TAG_BYTES], container[-CHUNK_TAG_BYTES:]
    chunks = [body[offset : offset + step] for offset in range(0, len(body), step)]
    try:
        opened = [box.decrypt(start + index.to_bytes(8, "big"), chunk, info) for index, chunk in enumerate(chunks)]
        content = b"".join(opened)
        box.decrypt(start + len(chunks).to_bytes(8, "big"), last, info + len(content).to_bytes(8, "big"))
    except InvalidTag:
        raise ValueError("container was modified") from None
    return content
