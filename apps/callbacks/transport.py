"""Sending callbacks: building the request, connecting to a checked address, and parsing the response."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog

from apps.callbacks import signatures
from apps.callbacks.errors import ErrorKind
from apps.callbacks.models import CallbackEndpoint
from apps.outbox.retries import parse_retry_after
from apps.outgoing import checked, http

# Timeouts for one connection and for the whole callback. With the host lookup, they are shorter than a claim's lease.
CONNECT_TIMEOUT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
POOL = "callbacks"

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class CallbackResult:
    """Result of an attempt. `error_kind` is set if no response was received; `final` excludes a retry.

    `may_have_arrived` is True if the receiver may have processed the request.
    """

    delivered: bool = False
    reason: str = ""
    error_kind: ErrorKind | None = None
    status: int | None = None
    final: bool = False
    retry_after_seconds: float = 0
    may_have_arrived: bool = False


def build_request(
    url: str, transaction_id: UUID, webhook_id: str, endpoint: CallbackEndpoint | None, now: datetime
) -> http.Request:
    """Build the request of a callback. Raises CannotDecrypt if the endpoint's credentials cannot be decrypted."""
    body = json.dumps({"callback_uri": url, "transaction_id": str(transaction_id)}).encode()
    active_secrets = endpoint.active_signing_secrets if endpoint else []
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        **signatures.headers(active_secrets, webhook_id, now, body),
        **(_authorization(endpoint) if endpoint else {}),
    }
    timeouts = (CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS)
    return http.Request("POST", url, headers, body, *timeouts, public_only=True, pool=POOL)


def _authorization(endpoint: CallbackEndpoint) -> dict[str, str]:
    if not endpoint.username:
        return {}
    credentials = f"{endpoint.username}:{endpoint.password}".encode()
    return {"Authorization": f"Basic {b64encode(credentials).decode()}"}


def send_all(requests: Iterable[tuple[T, http.Request]]) -> Iterator[list[tuple[T, CallbackResult]]]:
    """Send callbacks concurrently, each to an address checked immediately before, and yield results as they arrive.

    Errors of a portal do not raise an exception. One host takes at most 13 s, less than a claim's lease: 3 s for the
    lookup and 10 s for its addresses.
    """
    for responses in checked.send_all(requests):
        yield [(item, parse_response(response)) for item, response in responses]


def parse_response(response: http.Response | http.NoResponse) -> CallbackResult:
    """Return the result for a response: 2xx is delivered, 410 is final, all others are retried. Never raises."""
    try:
        return _parse_response(response)
    except Exception as error:
        # A programming error in parsing one response must not affect the other responses.
        log.exception("callback_response_error")
        return CallbackResult(reason=f"the response could not be parsed ({type(error).__name__}); see the server log")


def _parse_response(response: http.Response | http.NoResponse) -> CallbackResult:
    if isinstance(response, http.NoResponse):
        return CallbackResult(
            reason=response.reason, error_kind=response.kind, may_have_arrived=response.may_have_arrived
        )
    if 200 <= response.status < 300:
        return CallbackResult(delivered=True, status=response.status)
    return CallbackResult(
        reason=f"HTTP {response.status}",
        status=response.status,
        final=response.status == 410,
        retry_after_seconds=parse_retry_after(response.headers.get("retry-after", "")) or 0,
        may_have_arrived=True,
    )
