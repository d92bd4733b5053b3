"""Keys of the device: creation, sealed messages, and plain signatures over data of a portal.

Keys are texts: JWK Sets (RFC 7517) in JSON for JOSE, armoured keys for OpenPGP. The text of a secret key selects the
module. Every `at` is the time of the server in seconds since the epoch, from the `Date` header of responses.
"""

from typing import Any, Protocol

from . import jose, openpgp
from .kinds import KeyKind, MessageType

__all__ = [
    "KeyKind",
    "MessageType",
    "enrollment_members",
    "new_secret_key",
    "open_sealed",
    "public_key",
    "public_pem",
    "read_server_key",
    "seal",
    "sign",
]


class _Module(Protocol):
    """Functions that `jose` and `openpgp` both have."""

    def new_secret_key(self, kind: KeyKind, /, *, at: float) -> str: ...
    def public_key(self, secret_key: str, /) -> str: ...
    def enrollment_members(self, secret_key: str, /) -> dict[str, Any]: ...
    def read_server_key(self, enrolled: dict[str, Any], /) -> str: ...
    def seal(
        self, content: dict[str, Any], typ: MessageType, secret_key: str, receiver: str, /, *, at: float
    ) -> str: ...
    def open_sealed(
        self, message: str, typ: MessageType, secret_key: str, sender: str, /, *, at: float
    ) -> dict[str, Any]: ...
    def sign(self, data: bytes, secret_key: str, /) -> bytes: ...
    def public_pem(self, secret_key: str, /) -> str: ...


def _module(secret_key: str) -> _Module:
    return openpgp if secret_key.startswith(openpgp.ARMOR) else jose


def new_secret_key(kind: KeyKind = KeyKind.P256, *, at: float) -> str:
    """Create a key that can sign and encrypt. An app stores it in the key store of the device."""
    module: _Module = openpgp if kind.is_openpgp else jose
    return module.new_secret_key(kind, at=at)


def public_key(secret_key: str) -> str:
    """Return the public key."""
    return _module(secret_key).public_key(secret_key)


def enrollment_members(secret_key: str) -> dict[str, Any]:
    """Return the members of an enrolment with the public key."""
    return _module(secret_key).enrollment_members(secret_key)


def read_server_key(enrolled: dict[str, Any], secret_key: str) -> str:
    """Return the server key of the response to an enrolment. Raises ValueError if it is not usable."""
    return _module(secret_key).read_server_key(enrolled)


def seal(content: dict[str, Any], typ: MessageType, secret_key: str, receiver: str, *, at: float) -> str:
    """Sign with the own key and encrypt to the key of the receiver, at a given time."""
    return _module(secret_key).seal(content, typ, secret_key, receiver, at=at)


def open_sealed(message: str, typ: MessageType, secret_key: str, sender: str, *, at: float) -> dict[str, Any]:
    """Open a message that the sender signed and encrypted to the own key. Raises ValueError for any other message.

    The sender is the server. The device received its key over TLS at enrolment.
    """
    return _module(secret_key).open_sealed(message, typ, secret_key, sender, at=at)


def sign(data: bytes, secret_key: str) -> bytes:
    """Return a plain signature: ES256 in DER, Ed25519, or RSA (PKCS#1 v1.5, SHA-256)."""
    return _module(secret_key).sign(data, secret_key)


def public_pem(secret_key: str) -> str:
    """Return the public key that verifies `sign`, as the portal receives it: SubjectPublicKeyInfo in PEM."""
    return _module(secret_key).public_pem(secret_key)
