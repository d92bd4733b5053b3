"""JOSE keys on P-256 as a kind of keys (see `apps.enrollment.keys`). Key sets are stored as JSON."""

import json

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey

from apps.common import errors
from apps.enrollment.jose import messages, public_keys, signatures
from apps.enrollment.jose.public_keys import KeySet, parse_stored
from apps.enrollment.key_pairs import DeviceKey, KeyPair

DEVICE_MEMBER, SERVER_MEMBER = "public_keys", "server_public_keys"


def generate() -> KeyPair:
    signing, encryption = (ECKey.generate_key(public_keys.CURVE) for _number in range(2))
    keys = KeySet(signing, encryption)
    return KeyPair(json.dumps(keys.as_json(private=True)), json.dumps(keys.as_json(with_kid=True)))


def validate(sent: object) -> DeviceKey:
    """Validate the key set of a device. Raises InvalidPublicKey if a device cannot enrol with it."""
    try:
        keys = public_keys.read_device_keys(sent)
    except messages.JOSE_ERRORS:
        raise errors.InvalidPublicKey from None
    return DeviceKey(json.dumps(keys.as_json()), keys.signing.thumbprint())


def fingerprint(public_key: str) -> str:
    return parse_stored(public_key).signing.thumbprint()


def write_member(public_key: str) -> object:
    """Return the server's public keys as a member of the response to an enrolment."""
    return json.loads(public_key)


def seal(content: bytes, message_type: str, *, secret_key: str, receiver: str) -> str:
    return messages.seal(content, message_type, parse_stored(secret_key), parse_stored(receiver))


def open_sealed(message: str, message_type: str, *, secret_key: str, sender: str) -> bytes:
    """Return the content of a message. Raises ValueError if it is invalid."""
    return messages.open_sealed(message, message_type, parse_stored(sender), parse_stored(secret_key))


def verify_signature(public_key: str, data: bytes, signature: bytes) -> bytes | None:
    """Return a valid signature over the data in DER, or None if it is not valid."""
    return signatures.verify(_signing_key(public_key), data, signature)


def public_key_pem(public_key: str) -> str:
    """Return the signing key as SubjectPublicKeyInfo in PEM."""
    return _signing_key(public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _signing_key(public_key: str) -> EllipticCurvePublicKey:
    return parse_stored(public_key).signing.public_key
