"""OpenPGP: server keys, device keys, sealed messages (signed by the sender, encrypted to the receiver).

pysequoia does the cryptography; parsed keys are kept per process because parsing costs more than sealing.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pysequoia
from django.db import transaction
from pysequoia import Cert, CipherSuite, Profile, Tsk

from apps.common.exceptions import InvalidMessage
from apps.enrollment import decryption
from apps.enrollment.certificates import FAULTS
from apps.enrollment.models import Profile as UserProfile
from apps.enrollment.models import ServerKey
from apps.events import services as events
from apps.events.types import EventType
from apps.system import services as system

MAX_MESSAGE_BYTES = 64 * 1024
# What signatures add to the content of a message.
ENVELOPE_BYTES = 4 * 1024


def server_key() -> ServerKey:
    """Return the key for a new enrolment: the shared one, made on first use, or one of its own."""
    if system.general().unique_pgp_keys_per_enrollment:
        return _create(shared=False)
    return ServerKey.objects.filter(shared=True).first() or _create(shared=True)


def rotate() -> ServerKey:
    """Make a new shared key for enrolments to come; who has enrolled goes on with the one they know."""
    with transaction.atomic():
        ServerKey.objects.filter(shared=True).update(shared=False)
        key = _create(shared=True)
        events.record(EventType.SERVER_KEY_ROTATED)
    return key


def _create(*, shared: bool) -> ServerKey:
    pair = Tsk.generate("Countersign", profile=Profile.RFC4880, cipher_suite=CipherSuite.Cv25519)
    secret = pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)
    public = str(pair.extract_certificate())
    if not shared:
        return ServerKey.objects.create(secret_key=secret, public_key=public)
    # Two first enrolments at once: the second takes the first one's key.
    key, _created = ServerKey.objects.get_or_create(shared=True, defaults={"secret_key": secret, "public_key": public})
    return key


@dataclass(frozen=True)
class _Pair:
    secret: Tsk
    decryption_key: decryption.DecryptionKey


@lru_cache(maxsize=256)
def _parsed_secret(armored: str) -> _Pair:
    return _Pair(Tsk.from_bytes(armored.encode()), decryption.decryption_key(armored.encode()))


def _pair(key: ServerKey) -> _Pair:
    return _parsed_secret(key.secret_key)


@lru_cache(maxsize=2048)
def _parsed_certificate(armored: str) -> Cert:
    return Cert.from_bytes(armored.encode())


def seal(profile: UserProfile, content: dict[str, Any]) -> str:
    """Sign with the server's key and encrypt to the profile's; ASCII armour."""
    sealed = pysequoia.encrypt(
        json.dumps(content).encode(),
        recipients=[_parsed_certificate(profile.public_key)],
        signer=_pair(profile.server_key).secret.signer(),
    )
    return sealed.decode()


def open_sealed(profile: UserProfile, message: str) -> dict[str, Any]:
    """Open a message that is encrypted to the server and signed by this profile; anything else is InvalidMessage."""
    certificate = _parsed_certificate(profile.public_key)
    try:
        if len(message.encode()) > MAX_MESSAGE_BYTES:
            raise ValueError("too long")
        signed = decryption.open_message(
            message, _pair(profile.server_key).decryption_key, MAX_MESSAGE_BYTES + ENVELOPE_BYTES
        )
        verified = pysequoia.verify(signed, store=lambda _key_ids: [certificate])
        content = verified.bytes or b""
        parsed = json.loads(content)
    except FAULTS:
        raise InvalidMessage from None
    is_ours = any(signature.certificate == certificate.fingerprint for signature in verified.valid_sigs)
    if not is_ours or len(content) > MAX_MESSAGE_BYTES or not isinstance(parsed, dict):
        raise InvalidMessage
    return parsed
