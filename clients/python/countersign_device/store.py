"""What the device keeps beside its key: the PIN's token, locked by the PIN, and the tokens that a biometric unlocks."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field

FINGERPRINT = "fingerprint"
SALT_BYTES = 16
# 32 MiB and about a tenth of a second for each guess.
SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


@dataclass(frozen=True)
class LockedToken:
    """A PIN's token under its PIN. Nothing in here tells a right PIN from a wrong one.

    A token is random: under each PIN another, equally likely one comes out, and only the server knows which is right,
    and counts. So whoever copies the phone's memory cannot find the PIN by trying all of them, as any check value
    (an authentication tag, a checksum, the token's text with its alphabet) would let them.
    """

    salt: str
    locked: str

    @classmethod
    def lock(cls, token: str, pin: str) -> "LockedToken":
        """Lock a token as the server gave it: base64url of random bytes; ValueError for any other."""
        content, salt = _decode(token), secrets.token_bytes(SALT_BYTES)
        if not content or _encode(content) != token:
            raise ValueError("not a token of random bytes: a wrong PIN could be told by its looks")
        return cls(_encode(salt), _encode(_xor_with_keystream(content, pin, salt)))

    def unlock(self, pin: str) -> str:
        """Return the token: the right one for the right PIN, another one for each other PIN."""
        return _encode(_xor_with_keystream(_decode(self.locked), pin, _decode(self.salt)))


def _xor_with_keystream(content: bytes, pin: str, salt: bytes) -> bytes:
    """Add (exclusive or) what scrypt makes of the PIN: as long as the content, and used once for each salt."""
    keystream = hashlib.scrypt(pin.encode(), salt=salt, dklen=len(content), **SCRYPT)
    return bytes(content_byte ^ keystream_byte for content_byte, keystream_byte in zip(content, keystream, strict=True))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class SecureStore:
    """Stands for the phone's key store, which gives a token away only after the biometric was right.

    `tokens` by name: FINGERPRINT, or the id of a custom authenticator. Here they lie in the open.
    """

    tokens: dict[str, str] = field(default_factory=dict)

    def save(self, name: str, token: str) -> None:
        self.tokens[name] = token

    def unlock(self, name: str) -> str:
        """Return a token; KeyError when there is none. This is where a phone asks for the finger."""
        return self.tokens[name]

    def delete(self, name: str) -> None:
        self.tokens.pop(name, None)
