"""Sealed messages, which are signed by the sender and encrypted to the receiver.

pysequoia creates the server's signatures. Parsed keys are cached per process, because parsing is slower than sealing.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import pysequoia
from django.utils import timezone
from pysequoia import Tsk

from apps.enrollment.openpgp import certificates, decryption, encryption, verification
from apps.enrollment.openpgp.packets import Packet, Tag, read_literal_data

# Maximum size of a decompressed message: content of 64 KiB and the signatures around it.
MAX_OPENED_BYTES = (64 + 4) * 1024


@dataclass(frozen=True)
class _Pair:
    secret: Tsk
    decryption_key: decryption.DecryptionKey


@lru_cache(maxsize=256)
def _parse_secret(armored: str) -> _Pair:
    return _Pair(Tsk.from_bytes(armored.encode()), decryption.read_decryption_key(armored.encode()))


def seal(content: bytes, secret_key: str, receiver: str) -> str:
    """Sign content with a secret key and encrypt it to the certificate of the receiver."""
    signed = pysequoia.sign(_parse_secret(secret_key).secret.signer(), content, armor=False)
    receivers = certificates.parse_certificate(receiver).receivers(timezone.now())
    return encryption.encrypt(signed, [key.body for key in receivers])


def open_sealed(message: str, secret_key: str, sender: str) -> bytes:
    """Return the content of a message to this secret key. Raises ValueError if the sender has not signed it."""
    try:
        packets = decryption.open_message(message, _parse_secret(secret_key).decryption_key, MAX_OPENED_BYTES)
        return _verify_content(packets, certificates.parse_certificate(sender))
    except certificates.OPENPGP_ERRORS as error:
        raise ValueError(type(error).__name__) from None


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
