"""Random codes, and the keyed hash under which a server keeps those that others hold."""

import hmac
import secrets
import string
from hashlib import sha256

from apps.common import encryption

PROFILE_ALPHABET = string.ascii_uppercase + string.digits


def random_token() -> str:
    """Return 256 random bits as URL-safe text, for bearer tokens and client secrets."""
    return secrets.token_urlsafe(32)


def enrollment_code() -> str:
    """Return 128 random bits in hex (NIST SP 800-63B-4, 4.1.2.2 asks for at least 112): no dash in front of it."""
    return secrets.token_hex(16)


def random_digits(count: int) -> str:
    """Return so many random decimal digits; leading zeros count."""
    return "".join(secrets.choice(string.digits) for _digit in range(count))


def verification_code() -> str:
    """Return the code of a text message (NIST SP 800-63B-4, 3.1.3.2: at least six digits)."""
    return random_digits(6)


def device_id() -> str:
    """Return 64 upper-case hex digits."""
    return secrets.token_hex(32).upper()


def profile_id() -> str:
    """Return six characters from A-Z and 0-9."""
    return "".join(secrets.choice(PROFILE_ALPHABET) for _ in range(6))


def keyed_hash(value: str, purpose: str) -> str:
    """Hash a high-entropy secret with the newest key. The purpose keeps hashes of different kinds apart."""
    return hash_candidates(value, purpose)[0]


def hash_candidates(value: str, purpose: str) -> list[str]:
    """Return the hash under every live key, newest first, to look a secret up while keys rotate."""
    # What came from outside may hold any character.
    message = f"{purpose}\0{value}".encode(errors="surrogatepass")
    return [
        f"{key.identifier}:{hmac.new(key.derive('keyed-hash'), message, sha256).hexdigest()}"
        for key in encryption.key_ring()
    ]


def prefix(identifier: str) -> str:
    """Return how every hash under this key begins."""
    return f"{identifier}:"


def newest_prefix() -> str:
    return prefix(encryption.key_ring()[0].identifier)


def needs_rehash(stored: str) -> bool:
    """Say whether a hash was made under a key that is not the newest any more."""
    return not stored.startswith(newest_prefix())


def matches(value: str, purpose: str, stored: list[str]) -> bool:
    """Say in constant time whether one of the stored hashes is that of `value`."""
    found = False
    for candidate in hash_candidates(value, purpose):
        for known in stored:
            found |= hmac.compare_digest(candidate, known)
    return found


def constant_time_compare(value: str, expected: str) -> bool:
    """Compare two secrets in constant time; what came from outside may hold any character."""
    return hmac.compare_digest(value.encode(errors="surrogatepass"), expected.encode())
