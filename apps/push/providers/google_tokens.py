"""Access tokens for FCM's HTTP v1: a service account's signed assertion, exchanged for a token that lives an hour."""

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
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import CONNECT_SECONDS, no_word, parse_object, word
from apps.system import services as system

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# Waiting for another thread's exchange, an own one and the message together stay below the lease of a claim.
TOKEN_SECONDS = 5.0
# What google-auth takes for a reason to try again, in either member of a refusal.
PASSING = {"internal_failure", "server_error", "temporarily_unavailable"}
# A moment that is no further away can be told as a date.
MAX_LIFE_SECONDS = 10**9


class _TokenTransport(transport.Request):
    """Lets google-auth ask for access tokens through our one HTTP client, and through the proxy."""

    def __call__(  # type: ignore[no-untyped-def]
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **kwargs: Any
    ):
        content = body.encode() if isinstance(body, str) else body or b""
        request = http.Request(
            method, url, dict(headers or {}), content, CONNECT_SECONDS, TOKEN_SECONDS, proxy=system.external_proxy()
        )
        try:
            answer = http.send(request)
        except http.NoResponse as error:
            raise google_exceptions.TransportError(error.reason) from error
        return _TokenAnswer(answer, _judge(answer))


def _judge(answer: http.Response) -> Mapping[str, Any]:
    """Return the token, or a refusal in the words of OAuth 2 (RFC 6749, 5.2): all that google-auth gets to see.

    Whatever else came is told as a fault of the way: google-auth would stumble over it, or sleep and try again, for
    longer than the claim's lease. Only an address that takes no such requests at all is a fault for good.
    """
    content, status = parse_object(answer.body), answer.status
    if status == 200 and (token := _token(content)):
        return token
    refusal = {name: content[name] for name in ("error", "error_description") if word(content.get(name), "")}
    if "error" not in refusal and (300 <= status < 400 or status in (404, 405, 410)):
        raise google_exceptions.RefreshError(no_word(status))
    if "error" not in refusal or not 400 <= status < 500 or status in (408, 429):
        raise google_exceptions.TransportError(no_word(status))
    if passing := PASSING & set(refusal.values()):
        raise google_exceptions.TransportError(f"{passing.pop()} (HTTP {status})")
    return refusal


def _token(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an access token that fits into a header, with its life if that is told; empty when there is none."""
    token, life = content.get("access_token"), content.get("expires_in")
    if not isinstance(token, str) or not re.fullmatch("[!-~]+", token):
        return {}
    if life is None:
        return {"access_token": token}
    try:
        # Some services tell it as a text.
        seconds = int(life)
    except (TypeError, ValueError, OverflowError):
        return {}
    return {"access_token": token, "expires_in": seconds} if 0 <= seconds <= MAX_LIFE_SECONDS else {}


class _TokenAnswer(transport.Response):
    def __init__(self, answer: http.Response, content: Mapping[str, Any]) -> None:
        self._answer = answer
        self._content = content

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return json.dumps(self._content).encode()


class AccessTokens:
    """Access tokens per configuration, for this process; google-auth renews them some minutes before their end."""

    def __init__(self) -> None:
        self._credentials: dict[UUID, tuple[Any, Credentials]] = {}
        self._locks: dict[UUID, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, configuration: PushMessagingConfiguration) -> str:
        """Return a token; google-auth's exceptions when none can be had. Threads that need the same one wait for it."""
        with self._lock:
            lock = self._locks.setdefault(configuration.pk, threading.Lock())
        if not lock.acquire(timeout=TOKEN_SECONDS):
            raise google_exceptions.TransportError("the token server is slow")
        try:
            credentials = self._credentials_of(configuration)
            if not credentials.valid:
                credentials.refresh(_TokenTransport())
            return str(credentials.token)
        finally:
            lock.release()

    def _credentials_of(self, configuration: PushMessagingConfiguration) -> Credentials:
        kept = self._credentials.get(configuration.pk)
        if kept is None or kept[0] != configuration.updated_at:
            made = Credentials.from_service_account_info(configuration.service_account_info, scopes=[SCOPE])
            kept = self._credentials[configuration.pk] = (configuration.updated_at, made)
        return kept[1]

    def forget(self, configuration: PushMessagingConfiguration, token: str) -> None:
        """Drop a token that FCM refused, unless another thread has a newer one already."""
        kept = self._credentials.get(configuration.pk)
        if kept is not None and kept[1].token == token:
            self._credentials.pop(configuration.pk, None)
