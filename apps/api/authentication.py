"""Authentication of API clients (Basic or form credentials) and of devices (bearer token)."""

import base64
import binascii
from collections.abc import Collection
from functools import partial
from urllib.parse import unquote_plus

from rest_framework.request import Request

from apps.api.parsers import StrictFormParser
from apps.applications.models import Api, ApiClient
from apps.common import caller, codes, errors, short_cache
from apps.common.input_text import is_storable, remove_nul
from apps.enrollment import services as enrollment
from apps.enrollment.models import Device
from apps.events import failed_access
from apps.events.facts import FailedApiAccessFacts
from apps.events.types import EventTypes


def authenticate_client(request: Request, api: Api) -> ApiClient:
    """Return the authenticated API client.

    Raises InvalidClient, AccessDenied or UnauthorizedClient and records an event for each.
    """
    pairs = _read_basic(request) if "Authorization" in request.headers else _read_form(request)
    client_row = _find_client(pairs)
    if client_row is None:
        raise reject(pairs[0][0] if pairs else "")
    require_access(client_row, api)
    return client_row


def reject(client_id: str) -> errors.InvalidClient:
    """Record the failed authentication of a client and return the error to raise."""
    _record_invalid(remove_nul(client_id))
    return errors.InvalidClient()


def require_access(client_row: ApiClient, api: Api) -> None:
    """Check the address and the permission of an authenticated client. Raises AccessDenied or UnauthorizedClient."""
    if not client_row.may_call_from(caller.current().ip):
        _record("access_denied", client_row.client_id)
        raise errors.AccessDenied
    if api not in client_row.apis:
        _record("unauthorized_client", client_row.client_id)
        raise errors.UnauthorizedClient


def _record_invalid(client_id: str) -> None:
    """Record a failure. Failures with a known client id are counted for the client, all others together."""
    exists = ApiClient.objects.filter(client_id=client_id).exists()
    _record("invalid_client", client_id, unverified=[] if exists else ["client_id"])


def _record(reason: str, client_id: str, unverified: Collection[str] = ()) -> None:
    facts = FailedApiAccessFacts(client_id=client_id, reason=reason)
    failed_access.record(EventTypes.API_AUTHENTICATION_FAILED, facts, unverified=unverified)


def _find_client(pairs: list[tuple[str, str]]) -> ApiClient | None:
    """Return the client with the id and secret of one pair. Returns None if no pair is valid."""
    for client_id, secret in pairs:
        if not is_storable(client_id):
            continue
        client_row = short_cache.get((ApiClient, client_id), partial(_load_client, client_id))
        if client_row is None:
            # Takes as long as for a known client, so that the response time does not reveal which ids exist.
            codes.matches(secret, "client secret", [])
        elif client_row.has_secret(secret):
            client_row.rehash_secret(secret)
            return client_row
    return None


def _load_client(client_id: str) -> ApiClient | None:
    return ApiClient.objects.filter(client_id=client_id).first()


def _read_basic(request: Request) -> list[tuple[str, str]]:
    scheme, _space, encoded = request.headers["Authorization"].partition(" ")
    if scheme.lower() != "basic":
        return []
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        return []
    as_sent, url_decoded = (client_id, secret), (unquote_plus(client_id), unquote_plus(secret))
    return [as_sent] if as_sent == url_decoded else [as_sent, url_decoded]


def _read_form(request: Request) -> list[tuple[str, str]]:
    media_type = request.content_type.split(";")[0].strip().lower()
    if not any(
        isinstance(parser, StrictFormParser) and parser.media_type == media_type for parser in request.parsers or []
    ):
        return []
    client_id, secret = request.data.get("client_id"), request.data.get("client_secret")
    return [(client_id, secret)] if client_id and secret else []


def authenticate_device(request: Request) -> Device:
    """Return the device with the bearer token of the request. Raises InvalidDeviceToken without a valid token."""
    token = bearer_token(request)
    if not token:
        raise errors.InvalidDeviceToken
    return enrollment.get_device(token)


def bearer_token(request: Request) -> str:
    """Return the bearer token of the request; empty without one."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
