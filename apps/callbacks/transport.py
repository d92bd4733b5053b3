"""Calling portals: what is sent, to which address, and what an answer means."""

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
from apps.callbacks.models import CallbackEndpoint
from apps.outbox.retries import parse_retry_after
from apps.outgoing import http, multiplex

# To connect to an address, and in all: together with the look-up, well within a claim's lease.
CONNECT_TIMEOUT_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
# With less time left, the next address is not tried.
MIN_TIMEOUT_SECONDS = 0.01
POOL = "callbacks"

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class CallbackResult:
    """What an attempt came to; `final` when another one is not wanted."""

    delivered: bool = False
    reason: str = ""
    status: int | None = None
    final: bool = False
    retry_after_seconds: float = 0


def build_request(
    url: str, transaction_id: UUID, webhook_id: str, endpoint: CallbackEndpoint | None, now: datetime
) -> http.Request:
    """Put a callback together; CannotDecrypt when no live key opens the endpoint's credentials."""
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
    """Send callbacks at once, each to an address that was just checked, and yield what came of them as it comes.

    No fault of a portal is an exception. Takes at most 13 s for one host, less than a claim's lease: 3 to look it up,
    10 for its addresses. Who could not reach the first has for the next one what is left of the 10.
    """
    pinned_requests = list(_resolve(requests))
    if rejected := [
        (pinned.item, CallbackResult(reason=pinned.rejection)) for pinned in pinned_requests if pinned.rejection
    ]:
        yield rejected
    began_at = monotonic()
    ready = ((pinned, pinned.pin(0)) for pinned in pinned_requests if not pinned.rejection)
    for responses in multiplex.send_all(
        ready, lambda pinned, response: pinned.next_address(response, monotonic() - began_at)
    ):
        yield [(pinned.item, parse_response(response)) for pinned, response in responses]


@dataclass(frozen=True)
class _PinnedRequest(Generic[T]):
    """A request with the addresses that are left to send it to, or why there are none."""

    item: T
    request: http.Request
    addresses: Sequence[str] = ()
    rejection: str = ""

    def pin(self, seconds_used: float) -> http.Request:
        remaining = self.request.timeout_seconds - seconds_used
        return replace(self.request, connect_to=self.addresses[0], timeout_seconds=remaining)

    def next_address(
        self, response: http.Response | http.NoResponse, seconds_used: float
    ) -> "tuple[_PinnedRequest[T], http.Request] | None":
        """Return what to send to the next address; None when the answer is the last word."""
        if isinstance(response, http.Response) or response.may_have_arrived or len(self.addresses) == 1:
            return None
        if self.request.timeout_seconds - seconds_used < MIN_TIMEOUT_SECONDS:
            return None
        following = replace(self, addresses=self.addresses[1:])
        return following, following.pin(seconds_used)


def _resolve(requests: Iterable[tuple[T, http.Request]]) -> Iterator[_PinnedRequest[T]]:
    lookups = dict[tuple[str | None, int], tuple[Sequence[str], str]]()
    for item, request in requests:
        # Not the lane, which is cut short; and whatever user name stands before a host, it is looked up once.
        host = (urlsplit(request.url).hostname, http.port(request.url))
        if host not in lookups:
            lookups[host] = _look_up(request.url)
        yield _PinnedRequest(item, request, *lookups[host])


def _look_up(url: str) -> tuple[Sequence[str], str]:
    try:
        return addresses.resolve(url), ""
    except addresses.AddressRejected as error:
        return (), str(error)


def parse_response(response: http.Response | http.NoResponse) -> CallbackResult:
    """Say what an answer means: 2xx is success, 410 is the end, anything else is tried again; never an exception."""
    try:
        return _parse_response(response)
    except Exception as error:
        # A fault of our own: one answer does not spoil the others that came with it.
        log.exception("callback_response_error")
        return CallbackResult(
            reason=f"the answer was not understood ({type(error).__name__}); this server's log says more"
        )


def _parse_response(response: http.Response | http.NoResponse) -> CallbackResult:
    if isinstance(response, http.NoResponse):
        return CallbackResult(reason=response.reason)
    if 200 <= response.status < 300:
        return CallbackResult(delivered=True, status=response.status)
    return CallbackResult(
        reason=f"HTTP {response.status}",
        status=response.status,
        final=response.status == 410,
        retry_after_seconds=parse_retry_after(response.headers.get("retry-after", "")) or 0,
    )
