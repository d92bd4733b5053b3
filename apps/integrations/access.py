"""Access of Keycloak: the bearer token that its realm has signed, and the permissions of the API client."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

from django.utils.translation import gettext as _

from apps.applications.models import Api
from apps.common import caller, errors
from apps.common.jose import tokens
from apps.common.jose.tokens import InvalidToken, Rules
from apps.events import failed_access
from apps.events.facts import FailedApiAccessFacts
from apps.events.types import EventTypes
from apps.integrations.models import KeycloakIntegration
from apps.outgoing import key_sets
from apps.outgoing.key_sets import KeySetUnavailable

# Claims of AccessToken, as Keycloak's HttpAuthenticationChannelProvider sets them.
REQUIRED_CLAIMS = ("jti", "sub", "azp", "exp")
TOKEN_TYPE = "Bearer"
MAX_JTI_CHARACTERS = 255
# RFC 6750, 2.1. It can be sent in a header.
BEARER = re.compile(r"[A-Za-z0-9._~+/=-]+")


@dataclass(frozen=True)
class Bearer:
    """Verified bearer token. `token_hash` identifies it."""

    token: str
    token_hash: str
    expires_at: datetime


def authorize(integration: KeycloakIntegration, token: str) -> Bearer:
    """Return the verified token of a request.

    Raises MissingAccessToken, InvalidAccessToken, AccessDenied or UnauthorizedClient and records an event for each, and
    ServiceUnavailable if the keys of the realm cannot be fetched.
    """
    client = integration.api_client
    if not client.may_call_from(caller.current().ip):
        raise _rejected(integration, errors.AccessDenied())
    if not token:
        raise _rejected(integration, errors.MissingAccessToken())
    bearer = _verify(integration, token)
    if Api.MOBILE_AUTHENTICATION not in client.apis:
        raise _rejected(integration, errors.UnauthorizedClient())
    return bearer


def _verify(integration: KeycloakIntegration, token: str) -> Bearer:
    rules = Rules(
        issuer=integration.expected_issuer, audiences=(integration.expected_issuer,), required=REQUIRED_CLAIMS
    )
    try:
        if not BEARER.fullmatch(token):
            raise InvalidToken("not a bearer token")
        claims = tokens.verify_with_refresh(token, partial(key_sets.load, integration.key_set_url), rules)
        integration.record_key_set_error("")
        return _bearer(integration, token, claims.get("typ"), claims["jti"], float(claims["exp"]))
    except InvalidToken as error:
        raise _rejected(integration, errors.InvalidAccessToken(), str(error)) from None
    except KeySetUnavailable as error:
        integration.record_key_set_error(error.reason[:500])
        text = _("The keys of the realm cannot be fetched, so that the token cannot be verified. Try again later.")
        raise errors.ServiceUnavailable(text) from None


def _bearer(integration: KeycloakIntegration, token: str, token_type: object, jti: object, expiry: float) -> Bearer:
    if token_type != TOKEN_TYPE:
        raise InvalidToken("another type of token")
    if not isinstance(jti, str) or len(jti) > MAX_JTI_CHARACTERS:
        raise InvalidToken("jti is invalid")
    expires_at = datetime.fromtimestamp(expiry, UTC)
    return Bearer(
        token, sha256(f"{integration.expected_issuer} {jti}".encode(errors="surrogatepass")).hexdigest(), expires_at
    )


def _rejected(integration: KeycloakIntegration, error: errors.ApiError, detail: str = "") -> errors.ApiError:
    """Record that a request was rejected, and return the error. The event has the reason why a token is invalid."""
    reason = f"{error.token}: {detail}" if detail else error.token
    facts = FailedApiAccessFacts(client_id=integration.api_client.client_id, reason=reason)
    failed_access.record(EventTypes.API_AUTHENTICATION_FAILED, facts)
    return error
