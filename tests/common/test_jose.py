"""Verification of tokens that other parties sign: what is accepted, and that everything else is rejected."""

import hmac
import json
import time
from base64 import urlsafe_b64encode

import pytest
from joserfc.jwk import ECKey

from apps.common.jose import public_keys, tokens
from apps.common.jose.public_keys import InvalidKeySet
from apps.common.jose.tokens import ExpiredToken, InvalidToken, Rules, UnknownKey
from tests.fakes import key_set

RULES = Rules(issuer="shop", audiences=["https://server.example.com", "https://server.example.com/token"])
CLAIMS = {"iss": "shop", "aud": "https://server.example.com"}
EC_KEY, RSA_KEY = key_set.key("one"), key_set.key("two", "RSA")
KEYS = public_keys.parse(key_set.public(EC_KEY, RSA_KEY))


@pytest.mark.parametrize(("signer", "algorithm"), [(EC_KEY, "ES256"), (RSA_KEY, "RS256"), (RSA_KEY, "PS256")])
def test_token_is_verified_with_each_algorithm(signer, algorithm):
    token = key_set.sign({**CLAIMS, "aud": ["other", RULES.audiences[1]]}, signer, algorithm)
    assert tokens.verify(token, KEYS, RULES)["iss"] == "shop"


def _encode(value):
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsigned(header, claims=CLAIMS):
    return f"{_encode(header)}.{_encode({**claims, 'exp': time.time() + 60})}."


def _with_public_key_as_secret():
    """Return a token whose HMAC key is the public key, which a server without a list of algorithms accepts."""
    signed, secret = _unsigned({"alg": "HS256", "kid": "two"}).rstrip("."), RSA_KEY.as_pem(private=False)
    signature = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("token", "error"),
    [
        (lambda: key_set.sign({**CLAIMS, "iss": "other"}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "aud": "other"}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({"iss": "shop"}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "exp": None}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "exp": "soon"}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "exp": int(time.time()) - 120}, EC_KEY), ExpiredToken),
        (lambda: key_set.sign({**CLAIMS, "nbf": int(time.time()) + 120}, EC_KEY), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "iat": int(time.time()) + 120}, EC_KEY), InvalidToken),
        (lambda: key_set.sign(CLAIMS, key_set.key("one")), InvalidToken),
        (lambda: key_set.sign(CLAIMS, key_set.key("three")), UnknownKey),
        (lambda: key_set.sign(CLAIMS, EC_KEY, kid="two"), UnknownKey),
        (lambda: key_set.sign(CLAIMS, EC_KEY, jku="https://other.example.com/keys"), InvalidToken),
        (lambda: key_set.sign(CLAIMS, EC_KEY, jwk=key_set.public(EC_KEY)["keys"][0]), InvalidToken),
        (lambda: key_set.sign({**CLAIMS, "text": "x" * 20_000}, EC_KEY), InvalidToken),
        (lambda: _unsigned({"alg": "none"}), InvalidToken),
        (lambda: _unsigned({"alg": "ES256", "kid": "one"}), InvalidToken),
        (lambda: _unsigned({"alg": ["ES256"]}), InvalidToken),
        (_with_public_key_as_secret, InvalidToken),
        (lambda: "not.a.token", InvalidToken),
        (lambda: "a.b", InvalidToken),
        (lambda: "", InvalidToken),
    ],
)
def test_invalid_token_is_rejected(token, error):
    with pytest.raises(InvalidToken) as raised:
        tokens.verify(token(), KEYS, RULES)
    assert type(raised.value) is error


def test_long_lifetime_and_missing_claim_are_rejected():
    token = key_set.sign({**CLAIMS, "exp": int(time.time()) + 4000}, EC_KEY)
    assert tokens.verify(token, KEYS, RULES)
    for rules in [Rules(max_lifetime_seconds=3600), Rules(required=["jti"]), Rules(algorithms=["PS256"])]:
        with pytest.raises(InvalidToken):
            tokens.verify(token, KEYS, rules)


@pytest.mark.parametrize(
    "keys",
    [
        None,
        [],
        {"keys": "x"},
        {"keys": []},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": "v" * 170 + "c", "e": "AQAB"}]},
        {"keys": [ECKey.generate_key("P-384").as_dict(private=False)]},
        {"keys": [EC_KEY.as_dict(private=True)]},
        {"keys": [EC_KEY.as_dict(private=False), {"kty": "oct", "k": "c2VjcmV0"}]},
        key_set.public(EC_KEY, use="enc"),
        key_set.public(EC_KEY, alg="HS256"),
        key_set.public(EC_KEY, key_ops=["sign"]),
        key_set.public(*[EC_KEY] * 101),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_key_set_without_usable_key_is_rejected(keys):
    with pytest.raises(InvalidKeySet):
        public_keys.parse(keys)


def test_key_for_one_algorithm_verifies_no_other():
    keys = public_keys.parse(key_set.public(RSA_KEY, alg="PS256"))
    assert tokens.verify(key_set.sign(CLAIMS, RSA_KEY, "PS256"), keys, RULES)
    with pytest.raises(UnknownKey):
        tokens.verify(key_set.sign(CLAIMS, RSA_KEY, "RS256"), keys, RULES)
