"""VAPID (RFC 8292): key pairs of Web Push, and the header with which push services identify this server."""

import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as InvalidBase64
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.push.models import PushMessagingConfiguration

CURVE = ec.SECP256R1()
PRIVATE_KEY_BYTES = 32
# Push services accept at most 24 hours. A header is replaced early, so that a slow clock does no harm.
TOKEN_LIFETIME_SECONDS = 12 * 3600
REUSE_SECONDS = 3600
# With WEB_PUSH_HOSTS=*, devices choose the origins.
MAX_CACHED_HEADERS = 256


def generate_private_key() -> str:
    """Return a new private key in the form in which it is stored."""
    return _encode(ec.generate_private_key(CURVE))


def assign_new_key_pair(configuration: PushMessagingConfiguration) -> None:
    """Assign a new key pair to a configuration, without saving it. Existing subscriptions become invalid."""
    configuration.vapid_private_key = generate_private_key()
    configuration.vapid_public_key = public_key(configuration.vapid_private_key)


def validate_private_key(text: str) -> str:
    """Validate a private key, PEM or base64url, and return it in the form in which it is stored.

    Raises ValidationError if it is invalid. The error never contains the key.
    """
    if "-----BEGIN" in text:
        return _encode(_load_pem(text))
    try:
        secret = decode_base64(text.strip())
        if len(secret) != PRIVATE_KEY_BYTES:
            raise ValueError
        return _encode(ec.derive_private_key(int.from_bytes(secret), CURVE))
    except ValueError:
        raise ValidationError(
            _("Not a VAPID private key: it must be a key on P-256, as PEM or as 32 bytes in base64url.")
        ) from None


def _load_pem(text: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(text.encode(), None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        raise ValidationError(_("The VAPID private key cannot be read.")) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValidationError(_("The key has the wrong type. VAPID keys are elliptic curve keys (P-256)."))
    return key


def _encode(key: ec.EllipticCurvePrivateKey) -> str:
    return encode_base64(key.private_numbers().private_value.to_bytes(PRIVATE_KEY_BYTES))


def public_key(private_key: str) -> str:
    """Return the public key as apps need it: the uncompressed point, base64url."""
    return _signer(private_key).public_key


@dataclass(frozen=True)
class _Signer:
    key: ec.EllipticCurvePrivateKey
    public_key: str


@lru_cache(maxsize=64)
def _signer(private_key: str) -> _Signer:
    key = ec.derive_private_key(int.from_bytes(decode_base64(private_key)), CURVE)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return _Signer(key, encode_base64(point))


class HeaderCache:
    """Authorization headers of this process, by key, contact and origin of the push service."""

    def __init__(self) -> None:
        self._headers: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, private_key: str, contact: str, origin: str) -> str:
        key, now = (private_key, contact, origin), time.time()
        with self._lock:
            header, signed_at = self._headers.get(key, ("", 0.0))
            if not header or not 0 <= now - signed_at < REUSE_SECONDS:
                header = _sign(private_key, contact, origin, int(now))
                self._headers[key] = (header, now)
            self._headers.move_to_end(key)
            while len(self._headers) > MAX_CACHED_HEADERS:
                self._headers.popitem(last=False)
            return header


def _sign(private_key: str, contact: str, origin: str, now: int) -> str:
    signer = _signer(private_key)
    claims = {"aud": origin, "exp": now + TOKEN_LIFETIME_SECONDS, "sub": contact}
    return f"vapid t={jwt.encode(claims, signer.key, 'ES256')}, k={signer.public_key}"


def decode_base64(text: str) -> bytes:
    """Decode base64url, with or without padding. Raises ValueError for other characters."""
    unpadded = text.rstrip("=")
    try:
        content = urlsafe_b64decode(unpadded + "=" * (-len(unpadded) % 4))
    except InvalidBase64:
        raise ValueError("not base64url") from None
    # The decoder ignores characters that do not belong to the alphabet.
    if encode_base64(content) != unpadded:
        raise ValueError("not base64url")
    return content


def encode_base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
