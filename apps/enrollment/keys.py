"""Keys of profiles and sealed messages: one interface for both kinds of keys.

A kind is a module with the functions of `KindModule`. It works with keys as stored texts, and knows no rows.
"""

import base64
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from apps.common import errors, untrusted_json
from apps.enrollment.jose import kind as jose
from apps.enrollment.key_pairs import DeviceKey, KeyPair
from apps.enrollment.models import KeyKind, Profile, ServerKey
from apps.enrollment.openpgp import kind as openpgp

# Maximum size of a sealed message, and of its content.
MAX_MESSAGE_BYTES = 64 * 1024
# Longer than a signature of an RSA key with 8,192 bits in base64.
MAX_SIGNATURE_CHARACTERS = 2000


class MessageType(StrEnum):
    """Type of a sealed message. A kind that signs the type rejects a message of another type."""

    CHALLENGE = "countersign-challenge"
    ANSWER = "countersign-answer"
    REGISTRATION = "countersign-registration"
    TOKEN = "countersign-token"


class KindModule(Protocol):
    """Kind of keys. Public keys of devices and key pairs of the server are stored as the texts that it returns."""

    # Members of the request and of the response of an enrolment.
    DEVICE_MEMBER: str
    SERVER_MEMBER: str

    def generate(self) -> KeyPair: ...

    def validate(self, sent: Any) -> DeviceKey: ...

    def fingerprint(self, public_key: str) -> str: ...

    def write_member(self, public_key: str) -> object: ...

    def seal(self, content: bytes, message_type: str, *, secret_key: str, receiver: str) -> str: ...

    def open_sealed(self, message: str, message_type: str, *, secret_key: str, sender: str) -> bytes: ...

    def verify_signature(self, public_key: str, data: bytes, signature: bytes) -> bytes | None: ...

    def public_key_pem(self, public_key: str) -> str: ...


KINDS: dict[str, KindModule] = {KeyKind.JOSE: jose, KeyKind.OPENPGP: openpgp}


def read_enrollment(members: Mapping[str, Any]) -> tuple[KeyKind, DeviceKey]:
    """Return the kind and the key of an enrolment request.

    Raises InvalidRequest unless it has the member of exactly one kind, and InvalidPublicKey if the key is not usable.
    """
    sent = [kind for kind, module in KINDS.items() if members.get(module.DEVICE_MEMBER)]
    if len(sent) != 1:
        raise errors.InvalidRequest(_("Exactly one of public_keys and public_key is required."))
    [kind] = sent
    return KeyKind(kind), KINDS[kind].validate(members[KINDS[kind].DEVICE_MEMBER])


def server_member(profile: Profile) -> dict[str, Any]:
    """Return the server's public key as a member of the response to an enrolment."""
    server_key = _server_key(profile)
    module = KINDS[server_key.kind]
    return {module.SERVER_MEMBER: module.write_member(server_key.public_key)}


def seal(profile: Profile, message_type: MessageType, content: dict[str, Any]) -> str:
    """Sign content with the server key, encrypt it to the profile's key and return the sealed message."""
    key = _server_key(profile)
    # Without escapes, which triple the size of many texts.
    plain = json.dumps(content, ensure_ascii=False).encode()
    return KINDS[key.kind].seal(plain, message_type, secret_key=key.secret_key, receiver=profile.public_key)


def open_sealed(profile: Profile, message_type: MessageType, message: str) -> dict[str, Any]:
    """Open a sealed message of the profile.

    Raises InvalidMessage if its encryption, signature, type or content is invalid.
    """
    key = _server_key(profile)
    try:
        if len(message.encode()) > MAX_MESSAGE_BYTES:
            raise ValueError("too long")
        content = KINDS[key.kind].open_sealed(
            message, message_type, secret_key=key.secret_key, sender=profile.public_key
        )
        parsed = untrusted_json.loads(content)
    except ValueError:
        raise errors.InvalidMessage from None
    if len(content) > MAX_MESSAGE_BYTES or not isinstance(parsed, dict):
        raise errors.InvalidMessage
    return parsed


def is_signature(text: object) -> bool:
    """Return True if a value is base64 and not longer than a signature can be."""
    try:
        return isinstance(text, str) and len(text) <= MAX_SIGNATURE_CHARACTERS and bool(_decode(text))
    except ValueError:
        return False


def verify_signature(profile: Profile, data: str, signature: str) -> str:
    """Verify a signature (base64) of the profile over the UTF-8 bytes of data.

    Return it in the format for portals, which any tool can verify, in base64. Return an empty text if it is not valid.
    """
    try:
        valid = _module(profile).verify_signature(profile.public_key, data.encode(), _decode(signature))
    except ValueError:
        return ""
    return base64.b64encode(valid).decode() if valid else ""


def public_key_pem(profile: Profile) -> str:
    """Return the key that verifies the profile's signatures as SubjectPublicKeyInfo in PEM."""
    return _module(profile).public_key_pem(profile.public_key)


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _module(profile: Profile) -> KindModule:
    return KINDS[_server_key(profile).kind]


def _server_key(profile: Profile) -> ServerKey:
    """Return the server's key of a profile. Raises InvalidProfile if the keys of the profile were removed."""
    if profile.server_key is None:
        raise errors.InvalidProfile
    return profile.server_key
