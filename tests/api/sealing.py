"""Builder of encrypted OpenPGP messages with unusual structures: RFC 9580 with ECDH over Curve25519."""

import base64
import hashlib
import os
import zlib

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from pysequoia.packet import PacketPile, PublicKeyAlgorithm, Tag

HASHES = {8: "sha256", 9: "sha384", 10: "sha512"}
KEY_BYTES = {7: 16, 8: 24, 9: 32}


def packet(tag, body):
    return bytes([0xC0 | tag, 0xFF]) + len(body).to_bytes(4, "big") + body


def compressed(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packet(8, b"\1" + packer.compress(data) + packer.flush())


def literal(content):
    return packet(11, b"b\0" + bytes(4) + content)


def armored(data):
    encoded = base64.b64encode(data).decode()
    lines = [encoded[start : start + 64] for start in range(0, len(encoded), 64)]
    return "\n".join(["-----BEGIN PGP MESSAGE-----", "", *lines, "-----END PGP MESSAGE-----", ""])


def encrypted(public_key, packets, checksum=b""):
    """Encrypt packets to the server key in the format of RFC 4880: session key (version 3), container (version 1)."""
    session_key = os.urandom(32)
    return _session_key_packet(public_key, session_key) + _container(packets, session_key, checksum)


def _session_key_packet(public_key, session_key):
    subkey = next(
        each
        for each in PacketPile.from_bytes(public_key.encode())
        if each.tag == Tag.PublicSubkey and each.key_algorithm == PublicKeyAlgorithm.ECDH
    )
    body, fingerprint = subkey.body, bytes.fromhex(subkey.fingerprint)
    oid = body[6 : 7 + body[6]]
    point_end = 6 + len(oid) + 2 + 33
    point, kdf = body[point_end - 32 : point_end], body[point_end : point_end + 4]
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(point))
    parameters = oid + b"\x12" + kdf + b"Anonymous Sender    " + fingerprint
    derived = hashlib.new(HASHES[kdf[2]], b"\0\0\0\1" + shared + parameters).digest()
    payload = b"\x09" + session_key + (sum(session_key) & 0xFFFF).to_bytes(2, "big")
    padding = 8 - len(payload) % 8
    wrapped = aes_key_wrap(derived[: KEY_BYTES[kdf[3]]], payload + bytes([padding]) * padding)
    public = ephemeral.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    fields = b"\3" + fingerprint[-8:] + b"\x12" + (263).to_bytes(2, "big") + b"\x40" + public
    return packet(1, fields + bytes([len(wrapped)]) + wrapped)


def _container(packets, session_key, checksum):
    prefix = os.urandom(16)
    plain = prefix + prefix[-2:] + packets + b"\xd3\x14"
    plain += checksum or hashlib.sha1(plain).digest()
    encryptor = Cipher(AES(session_key), CFB(bytes(16))).encryptor()
    return packet(18, b"\1" + encryptor.update(plain) + encryptor.finalize())
