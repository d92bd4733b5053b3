"""Sending callbacks: building the request, connecting to a checked address, and parsing the response."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from apps.callbacks import addresses, signatures
from apps.callbacks.addresses import AddressRejected
from apps.callbacks.errors import ErrorKind
from apps.callbacks.models import CallbackEndpoint
from apps.outbox.retries import parse_retry_after
from apps.outgoing import http, multiplex

# Timeouts for one connection and for the whole callback. With the host lookup, they are shorter than a claim's lease.
CONNECT_TIMEOUT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
# With less time remaining, the next address is not tried.
MIN_TIMEOUT_SECONDS = 0.01
POOL = "callbacks"

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class CallbackResult:
    """Result of an attempt. `error_kind` is set if no response was received; `final` excludes a retry."""

    delivered: bool = False
    reason: str = ""
    error_kind: ErrorKind | None = None
    status: int | None = None
    final: bool = False
    retry_after_seconds: float = 0


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
    return http.Request("POST", url, headers, body, CONNECT_TIMEOUT_SECONDS, TIMEOUT_SECONDS, pool=POOL)


def _authorization(endpoint: CallbackEndpoint) -> dict[str, str]:
    if not endpoint.username:
        return {}
    credentials = f"{endpoint.username}:{endpoint.password}".encode()
    return {"Authorization": f"Basic {b64encode(credentials).decode()}"}


def send_all(requests: Iterable[tuple[T, http.Request]]) -> Iterator[list[tuple[T, CallbackResult]]]:
    """Send callbacks concurrently, each to an address checked immediately before, and yield results as they arrive.

    Errors of a portal do not raise an exception. One host takes at most 13 s, less than a claim's lease: 3 s for the
    lookup and 10 s for its addresses. If the first address is unreachable, the next one gets the remaining time.
    """
    resolved = list(_resolve(requests))
    if rejected := [
        (pinned.item, CallbackResult(reason=pinned.rejection.reason, error_kind=pinned.rejection.kind))
        for pinned in resolved
        if pinned.rejection
    ]:
        yield rejected
    began_at = monotonic()
    ready = ((pinned, pinned.pin(0)) for pinned in resolved if not pinned.rejection)
    for responses in multiplex.send_all(
        ready, lambda pinned, response: pinned.next_address(response, monotonic() - began_at)
    ):
        yield [(pinned.item, parse_response(response)) for pinned, response in responses]


@dataclass(frozen=True)
class _PinnedRequest(Generic[T]):
    """Request with the addresses that remain to be tried, or with the rejection of its host."""

    item: T
    request: http.Request
    addresses: Sequence[str] = ()
    rejection: AddressRejected | None = None

    def pin(self, seconds_used: float) -> http.Request:
        remaining = self.request.timeout_seconds - seconds_used
        return replace(self.request, connect_to=self.addresses[0], timeout_seconds=remaining)

    def next_address(
        self, response: http.Response | http.NoResponse, seconds_used: float
    ) -> "tuple[_PinnedRequest[T], http.Request] | None":
        """Return the request to the next address, or None if the response is final."""
        if isinstance(response, http.Response) or response.may_have_arrived or len(self.addresses) == 1:
            return None
        if self.request.timeout_seconds - seconds_used < MIN_TIMEOUT_SECONDS:
            return None
        following = replace(self, addresses=self.addresses[1:])
        return following, following.pin(seconds_used)


def _resolve(requests: Iterable[tuple[T, http.Request]]) -> Iterator[_PinnedRequest[T]]:
    lookups = dict[tuple[str | None, int], tuple[Sequence[str], AddressRejected | None]]()
    for item, request in requests:
        # The concurrency key is not used because it can be truncated. User names in URLs make no difference.
        host = (urlsplit(request.url).hostname, http.port(request.url))
        if host not in lookups:
            lookups[host] = _look_up(request.url)
        yield _PinnedRequest(item, request, *lookups[host])


def _look_up(url: str) -> tuple[Sequence[str], AddressRejected | None]:
    try:
        return addresses.resolve(url), None
    except AddressRejected as error:
        return (), error


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
        return CallbackResult(reason=response.reason, error_kind=response.kind)
    if 200 <= response.status < 300:
        return CallbackResult(delivered=True, status=response.status)
    return CallbackResult(
        reason=f"HTTP {response.status}",
        status=response.status,
        final=response.status == 410,
        retry_after_seconds=parse_retry_after(response.headers.get("retry-after", "")) or 0,
    )
