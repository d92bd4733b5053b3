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
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
# With less time left, the next address is not tried.
SHORTEST_SECONDS = 0.01
POOL = "callbacks"

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What an attempt came to; `final` when another one is not wanted."""

    delivered: bool = False
    reason: str = ""
    status: int | None = None
    final: bool = False
    retry_after_seconds: float = 0


def request(
    url: str, transaction_id: UUID, webhook_id: str, endpoint: CallbackEndpoint | None, now: datetime
) -> http.Request:
    """Put a callback together; CannotDecrypt when no live key opens the endpoint's credentials."""
    body = json.dumps({"callback_uri": url, "transaction_id": str(transaction_id)}).encode()
    live_secrets = endpoint.live_signing_secrets if endpoint else []
    built = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        **signatures.headers(live_secrets, webhook_id, now, body),
        **(_authorization(endpoint) if endpoint else {}),
    }
    return http.Request("POST", url, built, body, CONNECT_SECONDS, ANSWER_SECONDS, pool=POOL)


def _authorization(endpoint: CallbackEndpoint) -> dict[str, str]:
    if not endpoint.username:
        return {}
    credentials = f"{endpoint.username}:{endpoint.password}".encode()
    return {"Authorization": f"Basic {b64encode(credentials).decode()}"}


def send_all(requests: Iterable[tuple[T, http.Request]]) -> Iterator[list[tuple[T, Outcome]]]:
    """Send callbacks at once, each to an address that was just checked, and yield what came of them as it comes.

    No fault of a portal is an exception. Takes at most 13 s for one host, less than a claim's lease: 3 to look it up,
    10 for its addresses. Who could not reach the first has for the next one what is left of the 10.
    """
    sendings = list(_resolved(requests))
    if refused := [(sending.item, Outcome(reason=sending.refusal)) for sending in sendings if sending.refusal]:
        yield refused
    began_at = monotonic()
    ready = ((sending, sending.pinned(0)) for sending in sendings if not sending.refusal)
    for answers in multiplex.send_all(ready, lambda one, answer: one.go_on(answer, monotonic() - began_at)):
        yield [(sending.item, judge(answer)) for sending, answer in answers]


@dataclass(frozen=True)
class _Sending(Generic[T]):
    """A request with the addresses that are left to send it to, or why there are none."""

    item: T
    request: http.Request
    addresses: Sequence[str] = ()
    refusal: str = ""

    def pinned(self, seconds_used: float) -> http.Request:
        left = self.request.timeout_seconds - seconds_used
        return replace(self.request, connect_to=self.addresses[0], timeout_seconds=left)

    def go_on(
        self, answer: http.Response | http.NoResponse, seconds_used: float
    ) -> "tuple[_Sending[T], http.Request] | None":
        """Return what to send to the next address; None when the answer is the last word."""
        if isinstance(answer, http.Response) or answer.may_have_arrived or len(self.addresses) == 1:
            return None
        if self.request.timeout_seconds - seconds_used < SHORTEST_SECONDS:
            return None
        there = replace(self, addresses=self.addresses[1:])
        return there, there.pinned(seconds_used)


def _resolved(requests: Iterable[tuple[T, http.Request]]) -> Iterator[_Sending[T]]:
    known = dict[tuple[str | None, int], tuple[Sequence[str], str]]()
    for item, one in requests:
        # Not the lane, which is cut short; and whatever user name stands before a host, it is looked up once.
        host = (urlsplit(one.url).hostname, http.port(one.url))
        if host not in known:
            known[host] = _look_up(one.url)
        yield _Sending(item, one, *known[host])


def _look_up(url: str) -> tuple[Sequence[str], str]:
    try:
        return addresses.resolve(url), ""
    except addresses.Refused as error:
        return (), str(error)


def judge(answer: http.Response | http.NoResponse) -> Outcome:
    """Say what an answer means: 2xx is success, 410 is the end, anything else is tried again; never an exception."""
    try:
        return _judge(answer)
    except Exception as error:
        # A fault of our own: one answer does not spoil the others that came with it.
        log.exception("callback_response_error")
        return Outcome(reason=f"the answer was not understood ({type(error).__name__}); this server's log says more")


def _judge(answer: http.Response | http.NoResponse) -> Outcome:
    if isinstance(answer, http.NoResponse):
        return Outcome(reason=answer.reason)
    if 200 <= answer.status < 300:
        return Outcome(delivered=True, status=answer.status)
    return Outcome(
        reason=f"HTTP {answer.status}",
        status=answer.status,
        final=answer.status == 410,
        retry_after_seconds=parse_retry_after(answer.headers.get("retry-after", "")) or 0,
    )
