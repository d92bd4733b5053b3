"""Access tokens for FCM HTTP v1: a signed assertion of the service account is exchanged for a token, valid one hour."""

import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from google.auth import exceptions as google_exceptions
from google.auth import transport
from google.oauth2.service_account import Credentials

from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import CONNECT_TIMEOUT_SECONDS, parse_object, status_reason, string_or
from apps.system import services as system

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# The wait for the lock, the token request and the push together must take less than the lease of a claim.
TOKEN_TIMEOUT_SECONDS = 5.0
# Errors after which google-auth retries, in either member of an error response.
TRANSIENT_ERRORS = {"internal_failure", "server_error", "temporarily_unavailable"}
# Upper limit for lifetimes, so that the expiry is a valid date.
MAX_LIFETIME_SECONDS = 10**9


class _TokenTransport(transport.Request):
    """Transport of google-auth that uses the common HTTP client and the outgoing proxy."""

    def __call__(  # type: ignore[no-untyped-def]
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **kwargs: Any
    ):
        content = body.encode() if isinstance(body, str) else body or b""
        request = http.Request(
            method,
            url,
            dict(headers or {}),
            content,
            CONNECT_TIMEOUT_SECONDS,
            TOKEN_TIMEOUT_SECONDS,
            proxy=system.external_proxy(),
        )
        try:
            response = http.send(request)
        except http.NoResponse as error:
            raise google_exceptions.TransportError(error.reason) from error
        return _TokenResponse(response, _parse_response(response))


def _parse_response(response: http.Response) -> Mapping[str, Any]:
    """Return the token or the OAuth 2 error response (RFC 6749, 5.2), which is all that google-auth receives.

    Raises RefreshError if the URL does not accept token requests. Raises TransportError for other responses:
    google-auth would fail on them, or sleep and retry for longer than the lease of a claim.
    """
    content, status = parse_object(response.body), response.status
    if status == 200 and (token := _parse_token(content)):
        return token
    error_response = {
        name: content[name] for name in ("error", "error_description") if string_or(content.get(name), "")
    }
    if "error" not in error_response and (300 <= status < 400 or status in (404, 405, 410)):
        raise google_exceptions.RefreshError(status_reason(status))
    if "error" not in error_response or not 400 <= status < 500 or status in (408, 429):
        raise google_exceptions.TransportError(status_reason(status))
    if transient_errors := TRANSIENT_ERRORS & set(error_response.values()):
        raise google_exceptions.TransportError(f"{transient_errors.pop()} (HTTP {status})")
    return error_response


def _parse_token(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the access token, with its lifetime if the response names one; empty if the response is invalid."""
    token, lifetime = content.get("access_token"), content.get("expires_in")
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token):
        return {}
    if lifetime is None:
        return {"access_token": token}
    try:
        # Some services return the lifetime as a string.
        seconds = int(lifetime)
    except (TypeError, ValueError, OverflowError):
        return {}
    return {"access_token": token, "expires_in": seconds} if 0 <= seconds <= MAX_LIFETIME_SECONDS else {}


class _TokenResponse(transport.Response):
    def __init__(self, response: http.Response, content: Mapping[str, Any]) -> None:
        self._response = response
        self._content = content

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    @property
    def data(self) -> bytes:
        return json.dumps(self._content).encode()


class AccessTokenCache:
    """Access tokens of this process, by configuration. They are renewed some minutes before they expire."""

    def __init__(self) -> None:
        self._credentials: dict[UUID, tuple[Any, Credentials]] = {}
        self._locks: dict[UUID, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, configuration: PushMessagingConfiguration) -> str:
        """Return a valid token. Threads that need the same token wait for one request.

        Raises the exceptions of google-auth if no token can be obtained.
        """
        with self._lock:
            lock = self._locks.setdefault(configuration.pk, threading.Lock())
        if not lock.acquire(timeout=TOKEN_TIMEOUT_SECONDS):
            reason = "timeout while waiting for another token request"
            cause = http.NoResponse(reason, NetworkErrorKind.TIMED_OUT, may_have_arrived=False)
            raise google_exceptions.TransportError(reason) from cause
        try:
            credentials = self._get_credentials(configuration)
            if not credentials.valid:
                credentials.refresh(_TokenTransport())
            return str(credentials.token)
        finally:
            lock.release()

    def _get_credentials(self, configuration: PushMessagingConfiguration) -> Credentials:
        cached = self._credentials.get(configuration.pk)
        if cached is None or cached[0] != configuration.updated_at:
            credentials = Credentials.from_service_account_info(configuration.service_account_info, scopes=[SCOPE])
            cached = self._credentials[configuration.pk] = (configuration.updated_at, credentials)
        return cached[1]

    def discard(self, configuration: PushMessagingConfiguration, token: str) -> None:
        """Discard a token that FCM rejected, unless another thread has replaced it."""
        cached = self._credentials.get(configuration.pk)
        if cached is not None and cached[1].token == token:
            self._credentials.pop(configuration.pk, None)
