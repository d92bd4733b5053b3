"""The OpenPGP operations of a device (RFC 9580, version 4), with the time as a parameter.

pysequoia reads packets and armour. Its other operations use the clock of the device, which can be wrong by hours.
This module therefore creates keys, signs, encrypts and verifies with the primitives of `cryptography`.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from pysequoia.packet import Packet, PacketPile, Tag

RSA, ECDH, ED25519_LEGACY, X25519, ED25519 = (1, 2, 3), 18, 22, 25, 27
ED25519_OID, CURVE25519_OID = bytes.fromhex("092b06010401da470f01"), bytes.fromhex("0a2b060104019755010501")
# The key that wraps a session key is derived with SHA-256 for AES-128.
KDF = b"\x03\x01\x08\x07"
KDF_HASHES, KDF_KEY_BYTES = {8: "sha256", 9: "sha384", 10: "sha512"}, {7: 16, 8: 24, 9: 32}
POINT_BYTES, BLOCK_BYTES, MDC_HEAD = 32, 16, b"\xd3\x14"
SESSION_KEY_BYTES = {7: 16, 8: 24, 9: 32}
AES_256, HASH_SHA512 = 9, 10
SIGNATURE_HASHES = {8: "sha256", 9: "sha384", 10: "sha512"}

# Numbers of the packet types that this module writes (5).
SESSION_KEY, SIGNATURE, ONE_PASS_SIGNATURE, SECRET_KEY, SECRET_SUBKEY = 1, 2, 4, 5, 7
LITERAL, USER_ID, CONTAINER = 11, 13, 18

PrivateKey = RSAPrivateKey | Ed25519PrivateKey | X25519PrivateKey


@dataclass(frozen=True)
class SecretKey:
    """Secret key or subkey. `public` is the body of its public packet, which signatures and fingerprints cover."""

    public: bytes
    private: PrivateKey

    @property
    def algorithm(self) -> int:
        return self.public[5]

    @property
    def created(self) -> int:
        return int.from_bytes(self.public[1:5], "big")

    @property
    def fingerprint(self) -> bytes:
        return fingerprint(self.public)


def fingerprint(public: bytes) -> bytes:
    return hashlib.sha1(framed(public), usedforsecurity=False).digest()


def framed(public: bytes) -> bytes:
    """Return a public key as signatures cover it (5.2.4)."""
    return b"\x99" + len(public).to_bytes(2, "big") + public


def packet(kind: int, body: bytes) -> bytes:
    return bytes([0xC0 | kind, 0xFF]) + len(body).to_bytes(4, "big") + body


def write_integer(content: bytes) -> bytes:
    """Write a multiprecision integer (3.2): its length in bits, then its bytes."""
    shortest = content.lstrip(b"\0")
    return int.from_bytes(shortest, "big").bit_length().to_bytes(2, "big") + shortest


def write_number(value: int) -> bytes:
    return write_integer(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class Reader:
    """Reader of the fields of a packet."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, count: int) -> bytes:
        content, self.rest = self.rest[:count], self.rest[count:]
        if len(content) < count:
            raise ValueError("the packet ends too early")
        return content

    def read_sized(self) -> bytes:
        """Read a field that is preceded by one octet with its length."""
        return self.read(self.read(1)[0])

    def read_integer(self) -> bytes:
        return self.read((int.from_bytes(self.read(2), "big") + 7) // 8)

    def read_number(self) -> int:
        return int.from_bytes(self.read_integer(), "big")

    def read_point(self) -> bytes:
        """Read a point of Curve25519 without its prefix octet."""
        return self.read_integer()[1:]


# Secret keys


def read_secret(body: bytes) -> SecretKey:
    """Read the body of a secret key packet (5.5.3). Raises ValueError for a passphrase or an unknown type."""
    reader, algorithm = Reader(body[6:]), body[5]
    fields = _public_fields(algorithm, reader)
    public = body[: len(body) - len(reader.rest)]
    if reader.read(1) != b"\0":
        raise ValueError("the key is protected by a passphrase")
    return SecretKey(public, _private(algorithm, fields, reader))


def _public_fields(algorithm: int, reader: Reader) -> list[int]:
    if algorithm in RSA:
        return [reader.read_number(), reader.read_number()]
    if algorithm in (ED25519, X25519):
        reader.read(POINT_BYTES)
    elif algorithm in (ED25519_LEGACY, ECDH):
        reader.read_sized()
        reader.read_integer()
        if algorithm == ECDH:
            reader.read_sized()
    else:
        raise ValueError("an unknown kind of key")
    return []


def _private(algorithm: int, fields: list[int], reader: Reader) -> PrivateKey:
    if algorithm == ED25519:
        return Ed25519PrivateKey.from_private_bytes(reader.read(POINT_BYTES))
    if algorithm == X25519:
        return X25519PrivateKey.from_private_bytes(reader.read(POINT_BYTES))
    if algorithm == ED25519_LEGACY:
        return Ed25519PrivateKey.from_private_bytes(reader.read_integer().rjust(POINT_BYTES, b"\0"))
    if algorithm == ECDH:
        return X25519PrivateKey.from_private_bytes(reader.read_integer().rjust(POINT_BYTES, b"\0")[::-1])
    secret, prime, other = reader.read_number(), reader.read_number(), reader.read_number()
    exponents = rsa_crt_dmp1(secret, prime), rsa_crt_dmq1(secret, other), rsa_crt_iqmp(prime, other)
    modulus, exponent = fields
    return RSAPrivateNumbers(prime, other, secret, *exponents, RSAPublicNumbers(exponent, modulus)).private_key()


def write_secret(kind: int, key: SecretKey) -> bytes:
    """Return a secret key packet without a passphrase."""
    material = _secret_material(key)
    checksum = (sum(material) & 0xFFFF).to_bytes(2, "big")
    return packet(kind, key.public + b"\0" + material + checksum)


def _secret_material(key: SecretKey) -> bytes:
    private = key.private
    if isinstance(private, Ed25519PrivateKey | X25519PrivateKey) and key.algorithm in (ED25519, X25519):
        return private.private_bytes_raw()
    if isinstance(private, Ed25519PrivateKey):
        return write_integer(private.private_bytes_raw())
    if isinstance(private, X25519PrivateKey):
        return write_integer(private.private_bytes_raw()[::-1])
    numbers = private.private_numbers()
    smaller, larger = sorted((numbers.p, numbers.q))
    return b"".join(map(write_number, (numbers.d, smaller, larger, pow(smaller, -1, larger))))


def new_ed25519(created: int) -> SecretKey:
    private = Ed25519PrivateKey.generate()
    return SecretKey(_public_head(created, ED25519) + private.public_key().public_bytes_raw(), private)


def new_x25519(created: int) -> SecretKey:
    private = X25519PrivateKey.generate()
    return SecretKey(_public_head(created, X25519) + private.public_key().public_bytes_raw(), private)


def new_ed25519_legacy(created: int) -> SecretKey:
    private = Ed25519PrivateKey.generate()
    point = write_integer(b"\x40" + private.public_key().public_bytes_raw())
    return SecretKey(_public_head(created, ED25519_LEGACY) + ED25519_OID + point, private)


def new_curve25519_legacy(created: int) -> SecretKey:
    seed = bytearray(os.urandom(POINT_BYTES))
    # Clamp the scalar (RFC 7748), as other programs store it.
    seed[0] &= 248
    seed[-1] = seed[-1] & 127 | 64
    private = X25519PrivateKey.from_private_bytes(bytes(seed))
    point = write_integer(b"\x40" + private.public_key().public_bytes_raw())
    return SecretKey(_public_head(created, ECDH) + CURVE25519_OID + point + KDF, private)


def rsa_key(created: int, private: RSAPrivateKey) -> SecretKey:
    public = private.public_key().public_numbers()
    return SecretKey(_public_head(created, RSA[0]) + write_number(public.n) + write_number(public.e), private)


def _public_head(created: int, algorithm: int) -> bytes:
    return b"\x04" + created.to_bytes(4, "big") + bytes([algorithm])


# Signatures


def subpacket(kind: int, content: bytes) -> bytes:
    return bytes([1 + len(content), kind]) + content


def sign(kind: int, key: SecretKey, at: int, signed_data: bytes, subpackets: bytes = b"") -> bytes:
    """Return a signature packet (5.2.3) of a type over `signed_data`, at a time in seconds."""
    own = fingerprint(key.public)
    hashed = subpacket(2, at.to_bytes(4, "big")) + subpacket(33, b"\x04" + own) + subpacket(16, own[-8:]) + subpackets
    head = bytes([4, kind, key.algorithm, HASH_SHA512]) + len(hashed).to_bytes(2, "big") + hashed
    digest = hashlib.sha512(signed_data + _with_trailer(head)).digest()
    return packet(SIGNATURE, head + b"\0\0" + digest[:2] + _sign_digest(key, digest))


def _with_trailer(head: bytes) -> bytes:
    return head + b"\x04\xff" + len(head).to_bytes(4, "big")


def _sign_digest(key: SecretKey, digest: bytes) -> bytes:
    if isinstance(key.private, RSAPrivateKey):
        return write_integer(key.private.sign(digest, PKCS1v15(), Prehashed(SHA512())))
    if not isinstance(key.private, Ed25519PrivateKey):
        raise ValueError("this key cannot sign")  # noqa: TRY004 - all errors of keys and messages are ValueError
    signature = key.private.sign(digest)
    halves = write_integer(signature[:POINT_BYTES]) + write_integer(signature[POINT_BYTES:])
    return halves if key.algorithm == ED25519_LEGACY else signature


def is_signed_by(body: bytes, public: bytes, signed_data: bytes) -> bool:
    """Return True if the body of a signature packet is a valid signature of a server key (EdDSA, algorithm 22)."""
    reader = Reader(body)
    start = reader.read(6)
    head = start + reader.read(int.from_bytes(start[4:], "big"))
    reader.read(int.from_bytes(reader.read(2), "big") + 2)
    if start[:3] != bytes([4, 0, ED25519_LEGACY]) or public[5] != ED25519_LEGACY or start[3] not in SIGNATURE_HASHES:
        return False
    digest = hashlib.new(SIGNATURE_HASHES[start[3]], signed_data + _with_trailer(head)).digest()
    signature = reader.read_integer().rjust(POINT_BYTES, b"\0") + reader.read_integer().rjust(POINT_BYTES, b"\0")
    fields = Reader(public[6:])
    fields.read_sized()
    try:
        Ed25519PublicKey.from_public_bytes(fields.read_point()).verify(signature, digest)
    except InvalidSignature:
        return False
    return True


# Encryption


def encrypt(packets: bytes, receiver: bytes) -> bytes:
    """Encrypt packets to a server key, given by the body of its packet: ECDH over Curve25519 (5.1.5)."""
    session_key = os.urandom(SESSION_KEY_BYTES[AES_256])
    fields = Reader(receiver[6:])
    fields.read_sized()
    point, kdf = fields.read_point(), fields.read_sized()
    ephemeral = X25519PrivateKey.generate()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(point))
    encoded_key = bytes([AES_256]) + session_key + (sum(session_key) & 0xFFFF).to_bytes(2, "big")
    padding = 8 - len(encoded_key) % 8
    wrapped = aes_key_wrap(_derive_wrapping_key(shared, receiver, kdf), encoded_key + bytes([padding]) * padding)
    own = write_integer(b"\x40" + ephemeral.public_key().public_bytes_raw())
    session = b"\x03" + fingerprint(receiver)[-8:] + bytes([ECDH]) + own + bytes([len(wrapped)]) + wrapped
    return packet(SESSION_KEY, session) + packet(CONTAINER, _encrypt_container(packets, session_key))


def _derive_wrapping_key(shared: bytes, receiver: bytes, kdf: bytes) -> bytes:
    parameters = CURVE25519_OID + bytes([ECDH, len(kdf)]) + kdf + b"Anonymous Sender    " + fingerprint(receiver)
    key_bytes = hashlib.new(KDF_HASHES[kdf[1]], b"\0\0\0\x01" + shared + parameters).digest()
    return key_bytes[: KDF_KEY_BYTES[kdf[2]]]


def _encrypt_container(packets: bytes, session_key: bytes) -> bytes:
    """Encrypt with integrity protection (5.13.1), which the standard defines with SHA-1."""
    prefix = os.urandom(BLOCK_BYTES)
    plain = prefix + prefix[-2:] + packets + MDC_HEAD
    plain += hashlib.sha1(plain, usedforsecurity=False).digest()
    encryptor = Cipher(AES(session_key), CFB(bytes(BLOCK_BYTES))).encryptor()
    return b"\x01" + encryptor.update(plain) + encryptor.finalize()


def decrypt(message: list[Packet], keys: list[SecretKey]) -> list[Packet]:
    """Decrypt a message that is encrypted to one of the keys, and return its packets. Raises ValueError otherwise."""
    *sessions, container = message
    if container.tag != Tag.SEIP or container.body[:1] != b"\x01":
        raise ValueError("not an encrypted message")
    for session in sessions:
        for key in keys:
            if session.tag == Tag.PKESK and session.body[:10] == b"\x03" + key.fingerprint[-8:] + key.public[5:6]:
                return list(
                    PacketPile.from_bytes(
                        _decrypt_container(container.body[1:], _read_session_key(session.body[10:], key))
                    )
                )
    raise ValueError("not for this key")


def _read_session_key(fields: bytes, key: SecretKey) -> bytes:
    encoded_key = _unwrap_session_key(Reader(fields), key)
    cipher, session_key, checksum = encoded_key[0], encoded_key[1:-2], encoded_key[-2:]
    if len(session_key) != SESSION_KEY_BYTES.get(cipher) or (sum(session_key) & 0xFFFF).to_bytes(2, "big") != checksum:
        raise ValueError("not for this key")
    return session_key


def _unwrap_session_key(reader: Reader, key: SecretKey) -> bytes:
    """Return the cipher, the session key and its checksum as one byte string (5.1.3, 5.1.5, 5.1.6)."""
    private = key.private
    if isinstance(private, RSAPrivateKey):
        return private.decrypt(reader.read_integer().rjust(private.key_size // 8, b"\0"), PKCS1v15())
    if not isinstance(private, X25519PrivateKey):
        raise ValueError("this key cannot decrypt")  # noqa: TRY004 - all errors of keys and messages are ValueError
    ephemeral = reader.read_point() if key.algorithm == ECDH else reader.read(POINT_BYTES)
    shared, wrapped = private.exchange(X25519PublicKey.from_public_bytes(ephemeral)), reader.read_sized()
    try:
        if key.algorithm == ECDH:
            fields = Reader(key.public[6:])
            fields.read_sized()
            fields.read_integer()
            padded = aes_key_unwrap(_derive_wrapping_key(shared, key.public, fields.read_sized()), wrapped)
            return padded[: -padded[-1]]
        mixed = ephemeral + private.public_key().public_bytes_raw() + shared
        session_key = aes_key_unwrap(HKDF(SHA256(), 16, None, b"OpenPGP X25519").derive(mixed), wrapped[1:])
    except InvalidUnwrap:
        raise ValueError("not for this key") from None
    return wrapped[:1] + session_key + (sum(session_key) & 0xFFFF).to_bytes(2, "big")


def _decrypt_container(container: bytes, session_key: bytes) -> bytes:
    decryptor = Cipher(AES(session_key), CFB(bytes(BLOCK_BYTES))).decryptor()
    plain = decryptor.update(container) + decryptor.finalize()
    content, code = plain[:-20], plain[-20:]
    changed = not hmac.compare_digest(hashlib.sha1(content, usedforsecurity=False).digest(), code)
    if changed or content[-2:] != MDC_HEAD:
        raise ValueError("the message was changed")
    return content[BLOCK_BYTES + 2 : -2]
