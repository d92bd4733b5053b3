"""Verification of signed JWTs (RFC 7519, 7515) with the public keys of their issuer."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from joserfc import jws
from joserfc.util import to_bytes, urlsafe_b64decode

from apps.common import untrusted_json
from apps.common.jose import public_keys
from apps.common.jose.public_keys import ALL_ALGORITHMS, KEY_ERRORS, PublicKey

MAX_CHARACTERS = 16_384
CLOCK_SKEW_SECONDS = 60
# Later times are typing errors or overflows.
MAX_TIMESTAMP = 2**40
# Members that would let the token choose its key, or that change how it is processed.
FORBIDDEN_HEADERS = {"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip"}


class InvalidToken(ValueError):
    """Token that is rejected. The reason is for logs and the developers of clients; it contains no token."""


class UnknownKey(InvalidToken):
    """Token whose key is not in the key set. The issuer can have published a new key."""


class ExpiredToken(InvalidToken):
    """Token with a valid signature and issuer whose time is over."""


@dataclass(frozen=True)
class Rules:
    """What a token must contain. An empty `issuer` or `audiences` accepts every value: the caller checks it."""

    issuer: str = ""
    audiences: Collection[str] = ()
    algorithms: Collection[str] = ALL_ALGORITHMS
    required: Collection[str] = ()
    # Maximum time until the expiry, and maximum age by `nbf`. 0: no limit.
    max_lifetime_seconds: int = 0
    max_age_seconds: int = 0
    ignores_expiry: bool = False


def verify(token: str, keys: Sequence[PublicKey], rules: Rules) -> dict[str, Any]:
    """Return the claims of a token. Raises InvalidToken, UnknownKey or ExpiredToken."""
    algorithm, kid = read_header(token, rules.algorithms)
    found = public_keys.candidates(keys, algorithm, kid)
    if not found:
        raise UnknownKey("no key of the key set fits the token")
    claims = _claims(next(filter(None, (_verify_signature(token, key, algorithm) for key in found)), None))
    _check_parties(claims, rules)
    _check_times(claims, rules)
    return claims


def verify_with_refresh(token: str, load: Callable[..., Sequence[PublicKey]], rules: Rules) -> dict[str, Any]:
    """Verify a token with keys that can have been replaced: `load(refresh=True)` is called once for an unknown key."""
    try:
        return verify(token, load(refresh=False), rules)
    except UnknownKey:
        return verify(token, load(refresh=True), rules)


def unverified_claims(token: str) -> dict[str, Any]:
    """Return the claims without verification, to find the keys of the issuer. Raises InvalidToken."""
    read_header(token, ALL_ALGORITHMS)
    return _claims(_decode(token.split(".")[1]))


def read_header(token: str, algorithms: Collection[str]) -> tuple[str, str | None]:
    """Return `alg` and `kid` of a token. Raises InvalidToken if the token may not be verified at all."""
    if len(token) > MAX_CHARACTERS or not token.isascii() or token.count(".") != 2:
        raise InvalidToken("not a signed token in compact form")
    header = _json_object(_decode(token.partition(".")[0]))
    if header.keys() & FORBIDDEN_HEADERS:
        raise InvalidToken("a header that is not allowed")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidToken("an algorithm that is not allowed")
    if kid is not None and not isinstance(kid, str):
        raise InvalidToken("kid is not a string")
    return algorithm, kid


def _verify_signature(token: str, key: PublicKey, algorithm: str) -> bytes | None:
    try:
        return bytes(jws.deserialize_compact(token, key, algorithms=[algorithm]).payload)
    except KEY_ERRORS:
        return None


def _claims(payload: bytes | None) -> dict[str, Any]:
    if payload is None:
        raise InvalidToken("the signature is invalid")
    return _json_object(payload)


def _decode(part: str) -> bytes:
    try:
        return urlsafe_b64decode(to_bytes(part))
    except ValueError:
        raise InvalidToken("not base64url") from None


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        value = untrusted_json.loads(text)
    except ValueError:
        raise InvalidToken("not JSON") from None
    if not isinstance(value, dict):
        raise InvalidToken("not a JSON object")
    return value


def _check_parties(claims: Mapping[str, Any], rules: Rules) -> None:
    missing = [name for name in rules.required if claims.get(name) in (None, "")]
    if missing:
        raise InvalidToken(f"without {missing[0]}")
    if rules.issuer and claims.get("iss") != rules.issuer:
        raise InvalidToken("another issuer")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if rules.audiences and not any(each in rules.audiences for each in named if isinstance(each, str)):
        raise InvalidToken("another audience")


def _check_times(claims: Mapping[str, Any], rules: Rules) -> None:
    now = timezone.now().timestamp()
    times = {name: _timestamp(claims[name], name) for name in ("exp", "nbf", "iat") if name in claims}
    if any(times.get(name, 0) > now + CLOCK_SKEW_SECONDS for name in ("nbf", "iat")):
        raise InvalidToken("not valid yet")
    if rules.max_age_seconds and times.get("nbf", now) < now - rules.max_age_seconds - CLOCK_SKEW_SECONDS:
        raise InvalidToken(f"nbf is more than {rules.max_age_seconds} seconds ago")
    if rules.ignores_expiry:
        return
    if "exp" not in times:
        raise InvalidToken("without exp")
    if times["exp"] <= now - CLOCK_SKEW_SECONDS:
        raise ExpiredToken("expired")
    if rules.max_lifetime_seconds and times["exp"] > now + rules.max_lifetime_seconds + CLOCK_SKEW_SECONDS:
        raise InvalidToken(f"exp is more than {rules.max_lifetime_seconds} seconds in the future")


def _timestamp(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_TIMESTAMP:
        raise InvalidToken(f"{name} is not a time")
    return float(value)
