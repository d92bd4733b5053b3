"""Kinds of keys, and types of sealed messages."""

from enum import StrEnum


class KeyKind(StrEnum):
    """Kinds of keys that this device creates."""

    # JOSE: two keys on P-256.
    P256 = "p256"
    # OpenPGP: EdDSA and ECDH as GnuPG 2.2 to 2.4 writes them, Ed25519 and X25519 of RFC 9580, or RSA.
    CURVE25519 = "curve25519"
    ED25519 = "ed25519"
    RSA2048 = "rsa2048"
    RSA3072 = "rsa3072"
    RSA4096 = "rsa4096"

    @property
    def is_openpgp(self) -> bool:
        return self is not KeyKind.P256


class MessageType(StrEnum):
    """Types of sealed messages. A JOSE message names its type; the type of an OpenPGP message is not transmitted."""

    # Messages of the server.
    CHALLENGE = "countersign-challenge"
    TOKEN = "countersign-token"
    # Messages of the device.
    ANSWER = "countersign-answer"
    REGISTRATION = "countersign-registration"
