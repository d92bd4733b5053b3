"""Token store of the device: the PIN token, encrypted with the PIN, and the tokens that a biometric unlocks."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

FINGERPRINT = "fingerprint"
SALT_BYTES = 16
# 32 MiB and about 0.1 s for each attempt.
SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


@dataclass(frozen=True)
class LockedToken:
    """PIN token, encrypted with the PIN, without any value that identifies the correct PIN.

    The token is random, so each PIN decrypts it to an equally likely token. Only the server can verify the token, and
    it counts attempts. A copy of the stored data therefore does not allow an offline search for the PIN. Any check
    value (an authentication tag, a checksum, the alphabet of the token) would allow it.
    """

    salt: str
    locked: str

    @classmethod
    def lock(cls, token: str, pin: str) -> "LockedToken":
        """Encrypt a token of the server: base64url of random bytes. Raises ValueError for any other text."""
        content, salt = _decode(token), secrets.token_bytes(SALT_BYTES)
        if not content or _encode(content) != token:
            raise ValueError("not a token of random bytes: a wrong PIN would be recognizable")
        return cls(_encode(salt), _encode(_xor_with_keystream(content, pin, salt)))

    def unlock(self, pin: str) -> str:
        """Return the token for the correct PIN, and a different token for each other PIN."""
        return _encode(_xor_with_keystream(_decode(self.locked), pin, _decode(self.salt)))


def _xor_with_keystream(content: bytes, pin: str, salt: bytes) -> bytes:
    """XOR the content with a keystream that scrypt derives from the PIN. Each salt is used once."""
    keystream = hashlib.scrypt(pin.encode(), salt=salt, dklen=len(content), **SCRYPT)
    return bytes(content_byte ^ keystream_byte for content_byte, keystream_byte in zip(content, keystream, strict=True))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class SecureStore:
    """Substitute for the key store of the device, which releases a token after a successful biometric check.

    `tokens` by name: FINGERPRINT, or the id of a custom authenticator. This substitute stores them unprotected.
    """

    tokens: dict[str, str] = field(default_factory=dict)

    def save(self, name: str, token: str) -> None:
        self.tokens[name] = token

    def unlock(self, name: str) -> str:
        """Return a token. Raises KeyError if it does not exist. An app requests the biometric in this step."""
        return self.tokens[name]

    def delete(self, name: str) -> None:
        self.tokens.pop(name, None)
