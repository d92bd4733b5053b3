"""Callbacks: verification of signature and credentials, and handlers that read the result."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from countersign import errors
from countersign.async_client import AsyncClient
from countersign.client import Client
from countersign.models import TransactionResult

MAX_BODY_BYTES = 64 * 1024
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
TOLERANCE_SECONDS = 300.0
Credentials = tuple[str, str]


@dataclass(frozen=True)
class Callback:
    """Verified callback. Callbacks are delivered at least once: `webhook_id` is the same in all attempts of one."""

    callback_uri: str
    transaction_id: str
    webhook_id: str


@dataclass(frozen=True)
class CallbackResponse:
    """Response to a callback."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class CallbackVerifier:
    """Verifier of callbacks, with the signing secrets and the Basic credentials of the callback endpoint.

    During a rotation, pass both signing secrets: a signature by any of them is valid. If both signing secrets and
    credentials are given, a callback needs both.
    """

    def __init__(
        self,
        *,
        signing_secrets: Iterable[str] = (),
        credentials: Credentials | None = None,
        tolerance: float = TOLERANCE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = [_decode_secret(secret) for secret in signing_secrets]
        self._credentials, self._tolerance, self._now = credentials, tolerance, now
        if not self._keys and credentials is None:
            raise ValueError("signing_secrets or credentials are required, to verify callbacks")

    def verify(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """Return the callback. Raises InvalidCallback.

        `body` are the bytes of the request, before any parsing. The names of `headers` can be in any case.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        if len(body) > MAX_BODY_BYTES:
            raise errors.InvalidCallback("the body is too large", status=413)
        if self._credentials is not None:
            _verify_credentials(lower.get("authorization", ""), self._credentials)
        if self._keys:
            self._verify_signature(lower, body)
        return _parse(body, lower.get("webhook-id", ""))

    def _verify_signature(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify a signature of Standard Webhooks. All keys are compared, so that the time reveals no key."""
        webhook_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not webhook_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
            raise errors.InvalidCallback("webhook-id or webhook-timestamp is missing or malformed")
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        expected = [hmac.digest(key, signed, hashlib.sha256) for key in self._keys]
        received = _signatures(headers.get("webhook-signature", ""))
        matches = [hmac.compare_digest(one, other) for one in expected for other in received]
        if not any(matches):
            raise errors.InvalidCallback("no signature is valid")
        if abs(self._now() - int(timestamp)) > self._tolerance:
            raise errors.InvalidCallback("webhook-timestamp is too far from the current time")


class CallbackHandler:
    """Handler of callbacks: verifies a request, reads the result and passes it to `on_result`.

    `on_result` can be called more than once with the same result. If it raises an exception, the handler raises it too:
    the framework responds with 500, and Countersign retries the callback.
    """

    def __init__(
        self,
        client: Client,
        verifier: CallbackVerifier,
        on_result: Callable[[TransactionResult], object],
    ) -> None:
        self._client, self._verifier, self._on_result = client, verifier, on_result

    def handle(self, headers: Mapping[str, str], body: bytes) -> CallbackResponse:
        try:
            callback = self._verifier.verify(headers, body)
            result = _require_ended(self._client.result(callback.transaction_id))
        except errors.CountersignError as error:
            return _error_response(error)
        self._on_result(result)
        return CallbackResponse(204)


class AsyncCallbackHandler:
    """Handler of callbacks for asyncio. `on_result` is a coroutine function."""

    def __init__(
        self,
        client: AsyncClient,
        verifier: CallbackVerifier,
        on_result: Callable[[TransactionResult], Awaitable[object]],
    ) -> None:
        self._client, self._verifier, self._on_result = client, verifier, on_result

    async def handle(self, headers: Mapping[str, str], body: bytes) -> CallbackResponse:
        try:
            callback = self._verifier.verify(headers, body)
            result = _require_ended(await self._client.result(callback.transaction_id))
        except errors.CountersignError as error:
            return _error_response(error)
        await self._on_result(result)
        return CallbackResponse(204)


def _require_ended(result: TransactionResult) -> TransactionResult:
    if result.is_pending:
        raise errors.InvalidCallback("the transaction is pending", status=503)
    return result


def _error_response(error: errors.CountersignError) -> CallbackResponse:
    """Return the response to a callback that was not handled. Countersign retries it."""
    if isinstance(error, errors.InvalidCallback):
        headers = {"WWW-Authenticate": 'Basic realm="callback"'} if error.status == 401 else {}
        return CallbackResponse(error.status, str(error), headers)
    if isinstance(error, errors.TransactionNotFound):
        return CallbackResponse(404, "the transaction is unknown")
    return CallbackResponse(503, "the result could not be read")


def _parse(body: bytes, webhook_id: str) -> Callback:
    try:
        members = json.loads(body)
        callback_uri, transaction_id = members["callback_uri"], members["transaction_id"]
    except (ValueError, TypeError, KeyError, RecursionError):
        callback_uri = transaction_id = None
    if not isinstance(callback_uri, str) or not isinstance(transaction_id, str) or not transaction_id:
        raise errors.InvalidCallback("the body is not a callback", status=400)
    return Callback(callback_uri, transaction_id, webhook_id)


def _verify_credentials(authorization: str, credentials: Credentials) -> None:
    scheme, _space, encoded = authorization.partition(" ")
    expected = ":".join(credentials).encode()
    received = _decode_base64(encoded.strip()) if scheme.lower() == "basic" else b""
    if not hmac.compare_digest(received, expected):
        raise errors.InvalidCallback("the credentials are invalid")


def _signatures(header: str) -> list[bytes]:
    """Return the signatures of version 1."""
    parts = [signature.partition(",") for signature in header.split()]
    return [_decode_base64(encoded) for version, _comma, encoded in parts if version == "v1"]


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _decode_secret(secret: str) -> bytes:
    key = _decode_base64(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else b""
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError("a signing secret is “whsec_” and base64 of 24 to 64 bytes")
    return key
