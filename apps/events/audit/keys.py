"""Key of the audit log. It is encrypted with FIELD_ENCRYPTION_KEYS, so the database alone cannot sign."""

import base64
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from apps.events.models import AuditKey

SEED_BYTES = 32
# 128 bits: only the key can compute a hash, so an attacker cannot search for collisions.
LEAF_BYTES = 16


@dataclass(frozen=True)
class Signer:
    """Signatures (Ed25519) of blocks and files, and keyed hashes (HMAC) of events, with keys derived from the seed."""

    seed: bytes

    def sign(self, text: str) -> str:
        """Return the signature in Base64."""
        return base64.b64encode(self._private_key.sign(text.encode())).decode()

    def is_signed(self, text: str, signature: str) -> bool:
        """Return True if this key signed the text."""
        try:
            self._private_key.public_key().verify(base64.b64decode(signature, validate=True), text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    def leaf_hash(self, canonical: bytes) -> bytes:
        """Return the keyed hash of an event. Without the key, the content of a deleted event cannot be guessed."""
        return hmac.digest(self._leaf_key, canonical, sha256)[:LEAF_BYTES]

    @cached_property
    def public_key(self) -> str:
        return base64.b64encode(self._private_key.public_key().public_bytes_raw()).decode()

    @cached_property
    def _private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self._derive(b"signature"))

    @cached_property
    def _leaf_key(self) -> bytes:
        return self._derive(b"leaf")

    def _derive(self, purpose: bytes) -> bytes:
        return HKDFExpand(SHA256(), 32, info=b"audit " + purpose).derive(self.seed)


def load() -> Signer:
    """Return the signer, whose key is created on first use. Raises CannotDecrypt if the key cannot be decrypted."""
    key = AuditKey.objects.first()
    if key is None:
        # Of two concurrent first uses, the second uses the key of the first.
        seed = base64.b64encode(secrets.token_bytes(SEED_BYTES)).decode()
        key, _created = AuditKey.objects.get_or_create(number=1, defaults={"seed": seed})
    return Signer(base64.b64decode(key.seed))
