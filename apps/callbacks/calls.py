"""Calling portals: what is sent, to which address, and what an answer means."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from apps.callbacks import addresses, signatures
from apps.callbacks.models import CallbackEndpoint
from apps.common import http, multiplex
from apps.common.retries import retry_after_seconds

# Together with a second address (connect time-out once more) and the look-up, still within a claim's lease.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
POOL = "callbacks"

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

    No fault of a portal is an exception. Takes at most 23 s for one host, less than a claim's lease: 3 to look it up,
    10 for an address, 10 for the next one when some could not reach the first.
    """
    sendings = list(_resolved(requests))
    if refused := [(sending.item, Outcome(reason=sending.refusal)) for sending in sendings if sending.refusal]:
        yield refused
    ready = [sending for sending in sendings if not sending.refusal]
    while ready:
        unreached = list[_Sending[T]]()
        for answers in multiplex.send_all((sending, sending.pinned) for sending in ready):
            unreached += [sending.on() for sending, answer in answers if sending.may_go_on(answer)]
            if judged := [(one.item, judge(answer)) for one, answer in answers if not one.may_go_on(answer)]:
                yield judged
        ready = unreached


@dataclass(frozen=True)
class _Sending(Generic[T]):
    """A request with the addresses that are left to send it to, or why there are none."""

    item: T
    request: http.Request
    addresses: Sequence[str] = ()
    refusal: str = ""

    @property
    def pinned(self) -> http.Request:
        return replace(self.request, address=self.addresses[0])

    def may_go_on(self, answer: http.Response | http.NoAnswer) -> bool:
        return isinstance(answer, http.NoAnswer) and not answer.may_have_arrived and len(self.addresses) > 1

    def on(self) -> "_Sending[T]":
        return replace(self, addresses=self.addresses[1:])


def _resolved(requests: Iterable[tuple[T, http.Request]]) -> Iterator[_Sending[T]]:
    known = dict[str, tuple[Sequence[str], str]]()
    for item, one in requests:
        # Not the lane: that is cut short.
        host = urlsplit(one.url).netloc
        if host not in known:
            known[host] = _look_up(one.url)
        yield _Sending(item, one, *known[host])


def _look_up(url: str) -> tuple[Sequence[str], str]:
    try:
        return addresses.resolve(url), ""
    except addresses.Refused as error:
        return (), str(error)


def judge(answer: http.Response | http.NoAnswer) -> Outcome:
    """Say what an answer means: 2xx is success, 410 is the end, anything else is tried again."""
    if isinstance(answer, http.NoAnswer):
        return Outcome(reason=answer.reason)
    if 200 <= answer.status < 300:
        return Outcome(delivered=True, status=answer.status)
    return Outcome(
        reason=f"HTTP {answer.status}",
        status=answer.status,
        final=answer.status == 410,
        retry_after_seconds=retry_after_seconds(answer.headers.get("retry-after", "")) or 0,
    )
