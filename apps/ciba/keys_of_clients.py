"""Public keys of a client: the JWK Set of its settings or of its URL."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction

from apps.applications.models import ApiClient
from apps.ciba.models import CibaClient, UsedAssertion
from apps.common.jose import public_keys, tokens
from apps.common.jose.tokens import CLOCK_SKEW_SECONDS, InvalidToken, Rules
from apps.outgoing import key_sets
from apps.outgoing.key_sets import KeySetUnavailable


def has_keys(settings: CibaClient) -> bool:
    return bool(settings.jwks_uri or settings.jwks)


def verify(token: str, settings: CibaClient, rules: Rules) -> dict[str, Any]:
    """Return the claims of a token that the client signed. Raises InvalidToken or ExpiredToken.

    A set of keys that cannot be fetched rejects the token, too.
    """
    try:
        if settings.jwks_uri:
            return tokens.verify_with_refresh(
                token, lambda **options: key_sets.load(settings.jwks_uri, **options), rules
            )
        return tokens.verify(token, public_keys.parse_text(json.dumps(settings.jwks)), rules)
    except (KeySetUnavailable, public_keys.InvalidKeySet) as error:
        raise InvalidToken(str(error)) from None


def use_once(claims: Mapping[str, Any], client: ApiClient, purpose: str) -> None:
    """Store the `jti` of a token until it has expired. Raises InvalidToken if it was used before."""
    digest = sha256(f"{purpose}\0{claims['jti']}".encode(errors="surrogatepass")).hexdigest()
    expires_at = datetime.fromtimestamp(float(claims["exp"]) + 2 * CLOCK_SKEW_SECONDS, UTC)
    try:
        with transaction.atomic():
            UsedAssertion.objects.create(client=client, jti_hash=digest, expires_at=expires_at)
    except IntegrityError:
        raise InvalidToken("jti was used before") from None
