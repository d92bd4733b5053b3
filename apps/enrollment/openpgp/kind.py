"""OpenPGP keys as a kind of keys (see `apps.enrollment.keys`). Keys are stored as ASCII armour."""

import pysequoia
from pysequoia import CipherSuite, Profile, Tsk

from apps.enrollment.key_pairs import DeviceKey, KeyPair
from apps.enrollment.openpgp import certificates, messages, signatures

DEVICE_MEMBER, SERVER_MEMBER = "public_key", "server_public_key"


def generate() -> KeyPair:
    pair = Tsk.generate("Countersign", profile=Profile.RFC4880, cipher_suite=CipherSuite.Cv25519)
    return KeyPair(pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey), str(pair.extract_certificate()))


def validate(sent: str) -> DeviceKey:
    """Validate the certificate of a device. Raises InvalidPublicKey if a device cannot enrol with it."""
    certificate = certificates.validate(sent)
    return DeviceKey(certificate.armored, certificate.primary.fingerprint)


def fingerprint(public_key: str) -> str:
    return certificates.parse_certificate(public_key).primary.fingerprint


def write_member(public_key: str) -> object:
    """Return the server's certificate as a member of the response to an enrolment."""
    return public_key


def seal(content: bytes, _message_type: str, *, secret_key: str, receiver: str) -> str:
    """Sign and encrypt content. OpenPGP messages have no type: their members distinguish them."""
    return messages.seal(content, secret_key, receiver)


def open_sealed(message: str, _message_type: str, *, secret_key: str, sender: str) -> bytes:
    """Return the content of a message. Raises ValueError if it is invalid."""
    return messages.open_sealed(message, secret_key, sender)


def verify_signature(public_key: str, data: bytes, signature: bytes) -> bytes | None:
    """Return the signature over the data if it is valid, else None."""
    return signature if signatures.is_valid(public_key, data, signature) else None


def public_key_pem(public_key: str) -> str:
    """Return the primary key as SubjectPublicKeyInfo in PEM."""
    return signatures.public_key_pem(public_key)
