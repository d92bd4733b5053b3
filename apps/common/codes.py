"""Random codes and secrets, and the keyed hashes (HMAC) that the server stores of them."""

import hmac
import re
import secrets
import string
from hashlib import sha256

from apps.common import encryption

PROFILE_ALPHABET = string.ascii_uppercase + string.digits
# Base32 of Douglas Crockford: digits and letters without I, L, O and U.
TYPED_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_SYMBOLS, GROUP_SYMBOLS = 24, 4
# Letters that look like digits, and the separators that word processors write.
SIMILAR_DIGITS = {"o": "0", "O": "0", "i": "1", "I": "1", "l": "1", "L": "1"}
SEPARATORS = "- \t\n\r\u00a0\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2014"
UPPER_CASE = dict(zip(string.ascii_lowercase, string.ascii_uppercase, strict=True))
TYPED_EQUIVALENTS = str.maketrans({**UPPER_CASE, **SIMILAR_DIGITS, **dict.fromkeys(SEPARATORS, "")})
OLD_ENROLLMENT_CODE = re.compile(r"[0-9a-f]{32}")


def random_token() -> str:
    """Return 256 random bits as URL-safe text, for bearer tokens and client secrets."""
    return secrets.token_urlsafe(32)


def enrollment_code() -> str:
    """Return 120 random bits as 24 symbols that people can type, in groups of four.

    NIST SP 800-63B-4, 4.1.2.2 requires at least 112 bits.
    """
    symbols = "".join(secrets.choice(TYPED_ALPHABET) for _ in range(CODE_SYMBOLS))
    return "-".join(symbols[start : start + GROUP_SYMBOLS] for start in range(0, CODE_SYMBOLS, GROUP_SYMBOLS))


def canonical_enrollment_code(typed: str) -> str:
    """Return the symbols of an enrolment code: in upper case, without separators, with the digits of similar letters.

    The 32 hexadecimal digits of version 1.0 are returned unchanged.
    """
    return typed if OLD_ENROLLMENT_CODE.fullmatch(typed) else typed.translate(TYPED_EQUIVALENTS)


def random_digits(count: int) -> str:
    """Return `count` random decimal digits, with leading zeros."""
    return "".join(secrets.choice(string.digits) for _digit in range(count))


def verification_code() -> str:
    """Return six random digits for an SMS. NIST SP 800-63B-4, 3.1.3.2 requires at least six."""
    return random_digits(6)


def device_id() -> str:
    """Return 256 random bits as upper-case hexadecimal digits."""
    return secrets.token_hex(32).upper()


def profile_id() -> str:
    """Return six random characters from A-Z and 0-9."""
    return "".join(secrets.choice(PROFILE_ALPHABET) for _ in range(6))


def keyed_hash(value: str, purpose: str) -> str:
    """Return the keyed hash of a high-entropy secret under the newest key. Each kind of secret has its own purpose."""
    return hash_candidates(value, purpose)[0]


def hash_candidates(value: str, purpose: str) -> list[str]:
    """Return the keyed hash under every active key, newest first, to look up a secret during a key rotation."""
    # Values of a request can contain unpaired surrogates.
    message = f"{purpose}\0{value}".encode(errors="surrogatepass")
    return [
        f"{key.identifier}:{hmac.new(key.derive('keyed-hash'), message, sha256).hexdigest()}"
        for key in encryption.key_ring()
    ]


def prefix(identifier: str) -> str:
    """Return the prefix of all hashes under this key."""
    return f"{identifier}:"


def newest_prefix() -> str:
    return prefix(encryption.key_ring()[0].identifier)


def needs_rehash(stored: str) -> bool:
    """Return True if the hash was not made under the newest key."""
    return not stored.startswith(newest_prefix())


def matches(value: str, purpose: str, stored: list[str]) -> bool:
    """Return True if one of the stored hashes belongs to `value`. The comparison takes constant time."""
    is_match = False
    for candidate in hash_candidates(value, purpose):
        for stored_hash in stored:
            is_match |= hmac.compare_digest(candidate, stored_hash)
    return is_match


def constant_time_compare(value: str, expected: str) -> bool:
    """Return True if two secrets are equal, in constant time. `value` can contain unpaired surrogates."""
    return hmac.compare_digest(value.encode(errors="surrogatepass"), expected.encode())
