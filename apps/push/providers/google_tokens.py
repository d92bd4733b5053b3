"""Access tokens for FCM's HTTP v1: a service account's signed assertion, exchanged for a token that lives an hour."""

import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from google.auth import exceptions as google_exceptions
from google.auth import transport
from google.oauth2.service_account import Credentials

from apps.common import http
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import CONNECT_SECONDS
from apps.system import services as system

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
# Waiting for another thread's exchange, an own one and the message together stay below the lease of a claim.
TOKEN_SECONDS = 5.0


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
        except http.NoAnswer as error:
            raise google_exceptions.TransportError(error.reason) from error
        if answer.status == 429 or answer.status >= 500 or (answer.status == 200 and not is_object(answer.body)):
            # Told as a fault of the way: google-auth would sleep and try again, for longer than the claim's lease.
            raise google_exceptions.TransportError(f"HTTP {answer.status}")
        return _TokenAnswer(answer)


class _TokenAnswer(transport.Response):
    def __init__(self, answer: http.Response) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


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


def is_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False
