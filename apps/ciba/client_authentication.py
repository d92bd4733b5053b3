"""Authentication of clients: by a client secret as in the other APIs, or by a signed JWT (RFC 7523)."""

from collections.abc import Collection, Mapping
from functools import partial

import structlog
from rest_framework.request import Request

from apps.api import authentication
from apps.applications.models import Api, ApiClient
from apps.ciba import keys_of_clients
from apps.ciba.models import AuthenticationMethod, CibaClient
from apps.common import errors, short_cache
from apps.common.input_text import is_storable, is_unicode
from apps.common.jose import tokens
from apps.common.jose.tokens import InvalidToken, Rules

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_LIFETIME_SECONDS = 3600
PURPOSE = "client assertion"

log = structlog.get_logger(__name__)


def authenticate(request: Request, form: Mapping[str, str], audiences: Collection[str]) -> CibaClient:
    """Return the settings of the authenticated client.

    `audiences` are the URLs that the client can use as the audience of its JWT: the issuer, the token endpoint and the
    endpoint that it calls (CIBA Core 1.0, 7.1). Raises InvalidRequest, InvalidClient, AccessDenied or
    UnauthorizedClient.
    """
    has_assertion = "client_assertion" in form or "client_assertion_type" in form
    if ("Authorization" in request.headers) + ("client_secret" in form) + has_assertion > 1:
        raise errors.InvalidRequest("Use one method of client authentication, not several.")
    if has_assertion:
        return _authenticate_by_key(form, audiences)
    is_basic = "Authorization" in request.headers
    client = authentication.authenticate_client(request, Api.CIBA)
    if form.get("client_id", client.client_id) != client.client_id:
        raise authentication.reject(client.client_id)
    return _require_method(client, AuthenticationMethod.SECRET_BASIC if is_basic else AuthenticationMethod.SECRET_POST)


def _require_method(client: ApiClient, method: AuthenticationMethod) -> CibaClient:
    settings = _settings(client.client_id)
    if settings is None:
        raise errors.UnauthorizedClient
    if method not in settings.authentication_methods:
        raise authentication.reject(client.client_id)
    return settings


def _settings(client_id: str) -> CibaClient | None:
    if not is_storable(client_id):
        return None
    return short_cache.get((CibaClient, client_id), partial(_load, client_id))


def _load(client_id: str) -> CibaClient | None:
    rows = CibaClient.objects.select_related("client", "default_type").prefetch_related("types")
    return rows.filter(client__client_id=client_id).first()


def _authenticate_by_key(form: Mapping[str, str], audiences: Collection[str]) -> CibaClient:
    client_id = ""
    try:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidToken("another client_assertion_type")
        assertion = form.get("client_assertion", "")
        client_id = _named_client(assertion, form)
        return _verify(assertion, client_id, audiences)
    except InvalidToken as error:
        # The reason helps the developers of a client, and contains nothing of the token.
        log.info("client_assertion_rejected", client_id=client_id, reason=str(error))
        raise authentication.reject(client_id) from None


def _named_client(assertion: str, form: Mapping[str, str]) -> str:
    """Return the client that the token names, before it is verified."""
    issuer = tokens.unverified_claims(assertion).get("iss")
    if not isinstance(issuer, str) or not is_unicode(issuer) or form.get("client_id", issuer) != issuer:
        raise InvalidToken("client_id and iss differ")
    return issuer


def _verify(assertion: str, client_id: str, audiences: Collection[str]) -> CibaClient:
    settings = _settings(client_id)
    if settings is None or AuthenticationMethod.PRIVATE_KEY_JWT not in settings.authentication_methods:
        raise InvalidToken("this client cannot use private_key_jwt")
    rules = Rules(
        issuer=client_id,
        audiences=audiences,
        required=("sub", "jti", "exp", "aud"),
        max_lifetime_seconds=MAX_LIFETIME_SECONDS,
    )
    claims = keys_of_clients.verify(assertion, settings, rules)
    if claims["sub"] != client_id:
        raise InvalidToken("iss and sub differ")
    authentication.require_access(settings.client, Api.CIBA)
    keys_of_clients.use_once(claims, settings.client, PURPOSE)
    return settings
