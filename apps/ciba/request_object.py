"""Signed authentication requests (CIBA Core 1.0, 7.1.1): the parameters as claims of a JWT of the client."""

import json
from collections.abc import Mapping
from typing import Any

from apps.ciba import keys_of_clients
from apps.ciba.models import CibaClient
from apps.common import errors
from apps.common.input_text import is_unicode
from apps.common.jose.tokens import InvalidToken, Rules

# Parameters of the client authentication, which stay outside of the JWT.
OUTSIDE = {"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
CLAIMS = ("aud", "iss", "exp", "iat", "nbf", "jti")
# As FAPI CIBA requires: at most 60 minutes from `nbf` to `exp`.
MAX_LIFETIME_SECONDS = 3600
PURPOSE = "request object"


def read(form: Mapping[str, str], settings: CibaClient, issuer: str) -> dict[str, str]:
    """Return the parameters of an authentication request, plain or signed. Raises InvalidRequest."""
    if "request_uri" in form:
        raise errors.InvalidRequest("The parameter request_uri is not supported.")
    if "request" not in form:
        return {name: value for name, value in form.items() if name not in OUTSIDE}
    if mixed := sorted(form.keys() - OUTSIDE):
        raise errors.InvalidRequest(f"The parameter {mixed[0]} must be a claim of the signed request.")
    try:
        claims = _verify(form["request"], settings, issuer)
    except InvalidToken as error:
        raise errors.InvalidRequest(f"The signed request is invalid: {error}.") from None
    return {name: _parameter(value) for name, value in claims.items() if name not in (*CLAIMS, *OUTSIDE)}


def _verify(token: str, settings: CibaClient, issuer: str) -> dict[str, Any]:
    if not keys_of_clients.has_keys(settings):
        raise InvalidToken("the client has no keys")
    rules = Rules(
        issuer=settings.client.client_id,
        audiences=[issuer, f"{issuer}/"],
        required=CLAIMS,
        max_lifetime_seconds=MAX_LIFETIME_SECONDS,
        max_age_seconds=MAX_LIFETIME_SECONDS,
    )
    claims = keys_of_clients.verify(token, settings, rules)
    if "request" in claims or "request_uri" in claims:
        raise InvalidToken("a signed request in a signed request")
    if not all(is_unicode(value) for value in claims.values() if isinstance(value, str)):
        raise InvalidToken("a claim is not valid Unicode")
    keys_of_clients.use_once(claims, settings.client, PURPOSE)
    return claims


def _parameter(value: object) -> str:
    """Return a claim as the parameter that it stands for: a JSON value is the JSON text of the parameter."""
    return value if isinstance(value, str) else json.dumps(value)
