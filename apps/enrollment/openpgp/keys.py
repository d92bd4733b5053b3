"""Server keys and sealed messages, which are signed by the sender and encrypted to the receiver.

pysequoia creates the server's keys and signatures. Parsed keys are cached per process, because parsing is slower than
sealing.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import pysequoia
from django.db import transaction
from django.utils import timezone
from pysequoia import CipherSuite, Profile, Tsk

from apps.common import errors
from apps.enrollment.models import Profile as UserProfile
from apps.enrollment.models import ServerKey
from apps.enrollment.openpgp import certificates, decryption, encryption, verification
from apps.enrollment.openpgp.packets import Packet, Tag, read_literal_data
from apps.events import services as events
from apps.events.facts import NoFacts
from apps.events.types import EventTypes
from apps.system import services as system

MAX_MESSAGE_BYTES = 64 * 1024
# Maximum size of the signatures around the content of a message.
ENVELOPE_BYTES = 4 * 1024


def server_key_for_enrollment() -> ServerKey:
    """Return the server key for a new enrolment: the shared key, created on first use, or a unique key."""
    if system.general().unique_pgp_keys_per_enrollment:
        return _create_server_key(shared=False)
    return ServerKey.objects.filter(shared=True).first() or _create_server_key(shared=True)


def rotate() -> ServerKey:
    """Create a new shared key for future enrolments. Enrolled profiles keep their server key."""
    with transaction.atomic():
        ServerKey.objects.filter(shared=True).update(shared=False)
        key = _create_server_key(shared=True)
        events.record(EventTypes.SERVER_KEY_ROTATED, NoFacts())
    return key


def _create_server_key(*, shared: bool) -> ServerKey:
    pair = Tsk.generate("Countersign", profile=Profile.RFC4880, cipher_suite=CipherSuite.Cv25519)
    secret = pysequoia.armor(bytes(pair), pysequoia.ArmorKind.SecretKey)
    public = str(pair.extract_certificate())
    if not shared:
        return ServerKey.objects.create(secret_key=secret, public_key=public)
    # Of two concurrent first enrolments, the second uses the key of the first.
    key, _created = ServerKey.objects.get_or_create(shared=True, defaults={"secret_key": secret, "public_key": public})
    return key


@dataclass(frozen=True)
class _Pair:
    secret: Tsk
    decryption_key: decryption.DecryptionKey


@lru_cache(maxsize=256)
def _parse_secret(armored: str) -> _Pair:
    return _Pair(Tsk.from_bytes(armored.encode()), decryption.read_decryption_key(armored.encode()))


def get_server_key(profile: UserProfile) -> ServerKey:
    """Return the server's key of a profile. Raises InvalidProfile if the keys of the profile were removed."""
    if profile.server_key is None:
        raise errors.InvalidProfile
    return profile.server_key


def _server_pair(profile: UserProfile) -> _Pair:
    return _parse_secret(get_server_key(profile).secret_key)


def seal(profile: UserProfile, content: dict[str, Any]) -> str:
    """Sign content with the server key, encrypt it to the profile's keys and return the sealed message."""
    signer = _server_pair(profile).secret.signer()
    signed = pysequoia.sign(signer, json.dumps(content).encode(), armor=False)
    receivers = certificates.parse_certificate(profile.public_key).receivers(timezone.now())
    return encryption.encrypt(signed, [key.body for key in receivers])


def open_sealed(profile: UserProfile, message: str) -> dict[str, Any]:
    """Open a sealed message of the profile. Raises InvalidMessage if encryption, signature or content is invalid."""
    try:
        if len(message.encode()) > MAX_MESSAGE_BYTES:
            raise ValueError("too long")
        packets = decryption.open_message(
            message, _server_pair(profile).decryption_key, MAX_MESSAGE_BYTES + ENVELOPE_BYTES
        )
        content = _verify_content(packets, certificates.parse_certificate(profile.public_key))
        parsed = json.loads(content)
    except certificates.OPENPGP_ERRORS:
        raise errors.InvalidMessage from None
    if len(content) > MAX_MESSAGE_BYTES or not isinstance(parsed, dict):
        raise errors.InvalidMessage
    return parsed


def _verify_content(packets: list[Packet], certificate: certificates.Certificate) -> bytes:
    """Return the content of a signed message. Raises ValueError if none of the certificate's signers signed it.

    The signature can have any age: the nonce, time or token inside a message detects outdated and repeated messages.
    """
    tags, now = [packet.tag for packet in packets], timezone.now()
    count = tags.count(Tag.SIGNATURE)
    if tags != [Tag.ONE_PASS_SIGNATURE] * count + [Tag.LITERAL] + [Tag.SIGNATURE] * count:
        raise ValueError("not a signed message")
    content = read_literal_data(packets[count].body)
    signatures = [verification.parse(packet.body) for packet in packets[count + 1 :]]
    for signature, signer in product(signatures, certificate.signers(now)):
        is_possible = signature.is_issued_by(signer.fingerprint) and signature.is_valid_at(now)
        if is_possible and signature.is_over(content, signer.body):
            return content
    raise ValueError("not signed by this device")
