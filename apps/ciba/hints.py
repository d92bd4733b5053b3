"""Hints that identify the user of an authentication request (CIBA Core 1.0, 7.1): exactly one of three."""

from collections.abc import Mapping
from typing import Any

from apps.ciba import keys, keys_of_clients
from apps.ciba.errors import ExpiredLoginHintToken, UnknownUserId
from apps.ciba.models import CibaClient, SigningKey
from apps.common import errors, untrusted_json
from apps.common.input_text import is_storable, is_unicode
from apps.common.jose import public_keys, tokens
from apps.common.jose.tokens import ExpiredToken, InvalidToken, Rules
from apps.enrollment.models import MAX_USER_ID_CHARACTERS

HINTS = ("login_hint", "id_token_hint", "login_hint_token")
LOGIN_HINT_TOKEN_LIFETIME_SECONDS = 3600


def user_id(parameters: Mapping[str, str], settings: CibaClient, issuer: str) -> str:
    """Return the id of the user. Raises InvalidRequest, UnknownUserId or ExpiredLoginHintToken.

    The user need not exist: that is checked together with the devices of the user.
    """
    given = [name for name in HINTS if name in parameters]
    if len(given) != 1:
        raise errors.InvalidRequest("Use exactly one of login_hint, id_token_hint and login_hint_token.")
    hint = parameters[given[0]]
    if given[0] == "login_hint":
        found = _from_login_hint(hint, issuer)
    elif given[0] == "id_token_hint":
        found = _from_id_token(hint, settings, issuer)
    else:
        found = _from_login_hint_token(hint, settings, issuer)
    if not found or len(found) > MAX_USER_ID_CHARACTERS or not is_storable(found) or not is_unicode(found):
        raise UnknownUserId
    return found


def _from_login_hint(hint: str, issuer: str) -> str:
    """Return the user of a login hint: the user id, or a subject identifier as JSON (RFC 9493, format iss_sub)."""
    try:
        value = untrusted_json.loads(hint)
    except ValueError:
        return hint
    return _subject(value, issuer) if isinstance(value, dict) and "format" in value else hint


def _subject(identifier: object, issuer: str) -> str:
    # The clients of Auth0 add a slash to the issuer.
    issuers = (issuer, f"{issuer}/")
    if (
        not isinstance(identifier, dict)
        or identifier.get("format") != "iss_sub"
        or identifier.get("iss") not in issuers
    ):
        raise UnknownUserId("The subject identifier has another format or another issuer.")
    return _text(identifier.get("sub"))


def _from_id_token(hint: str, settings: CibaClient, issuer: str) -> str:
    """Return the user of an ID token that this server issued to the client, also of an expired one."""
    # Also of keys that are no longer published: the hint can be old.
    issued = [key.public_key for key in SigningKey.objects.all()]
    rules = Rules(
        issuer, [settings.client.client_id], algorithms=[keys.ALGORITHM], required=["sub"], ignores_expiry=True
    )
    try:
        claims = tokens.verify(hint, public_keys.parse({"keys": issued}), rules)
    except (InvalidToken, public_keys.InvalidKeySet):
        raise errors.InvalidRequest("The id_token_hint is not an ID token that was issued to this client.") from None
    return _text(claims["sub"])


def _from_login_hint_token(hint: str, settings: CibaClient, issuer: str) -> str:
    """Return the user of a token that the client signed, with `sub` or a subject identifier in `sub_id` (RFC 9493)."""
    if not keys_of_clients.has_keys(settings):
        raise UnknownUserId("The login_hint_token must be signed by a key of the client.")
    rules = Rules(
        settings.client.client_id,
        [issuer, f"{issuer}/"],
        required=["exp"],
        max_lifetime_seconds=LOGIN_HINT_TOKEN_LIFETIME_SECONDS,
    )
    try:
        claims: Mapping[str, Any] = keys_of_clients.verify(hint, settings, rules)
    except ExpiredToken:
        raise ExpiredLoginHintToken from None
    except InvalidToken as error:
        raise UnknownUserId(f"The login_hint_token is invalid: {error}.") from None
    return _subject(claims["sub_id"], issuer) if "sub_id" in claims else _text(claims.get("sub"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
