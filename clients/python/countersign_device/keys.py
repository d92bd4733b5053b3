"""The device's OpenPGP key: making it, sealing and opening messages, and plain signatures over a portal's data."""

import json
from enum import Enum
from typing import Any

import pysequoia
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pysequoia import Cert, CipherSuite, Profile, Tsk
from pysequoia.packet import PacketPile, Tag

RSA_ALGORITHMS, ED25519_LEGACY, ED25519 = (1, 3), 22, 27
ED25519_BYTES = 32


class KeyKind(Enum):
    """The kinds of keys that the server takes."""

    CURVE25519 = CipherSuite.Cv25519
    RSA2048 = CipherSuite.RSA2k
    RSA3072 = CipherSuite.RSA3k
    RSA4096 = CipherSuite.RSA4k


def new_secret_key(kind: KeyKind = KeyKind.CURVE25519) -> str:
    """Make a version 4 key that can sign and encrypt; armoured. A phone would keep it in its key store."""
    pair = Tsk.generate("device", profile=Profile.RFC4880, cipher_suite=kind.value)
    return pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)


def public_key(secret_key: str) -> str:
    """Return the armoured public half."""
    return str(Tsk.from_bytes(secret_key.encode()).extract_certificate())


def seal(content: dict[str, Any], secret_key: str, receiver: str) -> str:
    """Sign with one's own key and encrypt to the receiver's; armoured."""
    signer, recipient = Tsk.from_bytes(secret_key.encode()).signer(), Cert.from_bytes(receiver.encode())
    return pysequoia.encrypt(json.dumps(content).encode(), recipients=[recipient], signer=signer).decode()


def open_sealed(message: str, secret_key: str, sender: str) -> dict[str, Any]:
    """Open a message that is encrypted to one's own key; ValueError when it is not, or the sender did not sign it."""
    expected, own = Cert.from_bytes(sender.encode()), Tsk.from_bytes(secret_key.encode())
    try:
        opened = pysequoia.decrypt(message.encode(), decryptor=own.decryptor(), store=lambda _key_ids: [expected])
    except (RuntimeError, OSError, IndexError):
        # What pysequoia says holds its whole call stack.
        raise ValueError("not for this key, or not signed by the sender") from None
    if not any(signature.certificate == expected.fingerprint for signature in opened.valid_sigs):
        raise ValueError("not signed by the sender")
    content: dict[str, Any] = json.loads(opened.bytes or b"")
    return content


def sign(data: bytes, secret_key: str) -> bytes:
    """Sign with the primary key: Ed25519, or RSA (PKCS#1 v1.5, SHA-256). A plain signature, and no OpenPGP packet."""
    key = _primary_key(secret_key)
    return key.sign(data) if isinstance(key, Ed25519PrivateKey) else key.sign(data, PKCS1v15(), SHA256())


def public_pem(secret_key: str) -> str:
    """Return the key that verifies `sign`, as the portal gets it: SubjectPublicKeyInfo in PEM."""
    public = _primary_key(secret_key).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _primary_key(secret_key: str) -> Ed25519PrivateKey | RSAPrivateKey:
    """Read the key material of the secret key packet (RFC 9580, 5.5.3), which no passphrase protects here."""
    body = next(packet.body for packet in PacketPile.from_bytes(secret_key.encode()) if packet.tag == Tag.SecretKey)
    algorithm, material = body[5], _Reader(body[6:])
    if algorithm == ED25519:
        material.take(ED25519_BYTES)
        material.take_protection()
        return Ed25519PrivateKey.from_private_bytes(material.take(ED25519_BYTES))
    if algorithm == ED25519_LEGACY:
        material.take(material.take(1)[0])
        material.number()
        material.take_protection()
        return Ed25519PrivateKey.from_private_bytes(material.number().to_bytes(ED25519_BYTES, "big"))
    if algorithm not in RSA_ALGORITHMS:
        raise ValueError("this kind of key cannot sign a portal's data")
    modulus, exponent = material.number(), material.number()
    material.take_protection()
    secret, prime, other_prime = material.number(), material.number(), material.number()
    return RSAPrivateNumbers(
        prime,
        other_prime,
        secret,
        rsa_crt_dmp1(secret, prime),
        rsa_crt_dmq1(secret, other_prime),
        rsa_crt_iqmp(prime, other_prime),
        RSAPublicNumbers(exponent, modulus),
    ).private_key()


class _Reader:
    """Reads the fields of a packet one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        taken, self._data = self._data[:count], self._data[count:]
        if len(taken) < count:
            raise ValueError("the key ends too early")
        return taken

    def take_protection(self) -> None:
        if self.take(1) != b"\0":
            raise ValueError("the key is protected by a passphrase")

    def number(self) -> int:
        """Take a multi-precision integer (3.2): its length in bits, then its bytes."""
        bits = int.from_bytes(self.take(2), "big")
        return int.from_bytes(self.take((bits + 7) // 8), "big")
