"""Concurrent requests to URLs of other parties: each host is resolved and checked, and only a checked address is used.

Requests without `public_only` are sent as `multiplex` sends them.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from apps.outgoing import addresses, multiplex
from apps.outgoing.addresses import AddressRejected
from apps.outgoing.http import NoResponse, Request, Response
from apps.outgoing.multiplex import TransferResult

# With less time remaining, no further request is sent.
MIN_TIMEOUT_SECONDS = 0.01

T = TypeVar("T")


def send_all(
    requests: Iterable[tuple[T, Request]],
    follow_up: Callable[[T, Response], Request | None] = lambda *_: None,
) -> Iterator[list[tuple[T, TransferResult]]]:
    """Send requests concurrently and yield lists of results as they arrive.

    A rejected host results in NoResponse with the kind of its error. If the first address of a host is unreachable,
    the next one gets the remaining time of the request. The same applies to a request that `follow_up` returns for a
    response, once: it is sent to the same host, and its result replaces the first one.
    """
    sent, rejected = list[_Transfer[T]](), list[tuple[T, TransferResult]]()
    for transfer, error in _resolve(list(requests)):
        if error:
            rejected.append((transfer.item, NoResponse(error.reason, error.kind, may_have_arrived=False)))
        else:
            sent.append(transfer)
    if rejected:
        yield rejected
    began_at = time.monotonic()

    def send_next(transfer: _Transfer[T], result: TransferResult) -> tuple[_Transfer[T], Request] | None:
        following = transfer.next(result, follow_up)
        remaining = transfer.request.timeout_seconds - (time.monotonic() - began_at)
        if following is None or remaining < MIN_TIMEOUT_SECONDS:
            return None
        return following, replace(following.pinned, timeout_seconds=remaining)

    for results in multiplex.send_all(((transfer, transfer.pinned) for transfer in sent), send_next):
        yield [(transfer.item, result) for transfer, result in results]


@dataclass(frozen=True)
class _Transfer(Generic[T]):
    """Request with the addresses that remain to be tried; without addresses, libcurl resolves the host."""

    item: T
    request: Request
    addresses: Sequence[str] = ()
    is_follow_up: bool = False

    @property
    def pinned(self) -> Request:
        return replace(self.request, connect_to=self.addresses[0]) if self.addresses else self.request

    def next(self, result: TransferResult, follow_up: Callable[[T, Response], Request | None]) -> "_Transfer[T] | None":
        """Return the next transfer, or None if the result is final."""
        if isinstance(result, Response):
            request = None if self.is_follow_up else follow_up(self.item, result)
            return replace(self, request=request, is_follow_up=True) if request else None
        if result.may_have_arrived or len(self.addresses) < 2:
            return None
        return replace(self, addresses=self.addresses[1:])


def _resolve(requests: list[tuple[T, Request]]) -> Iterator[tuple[_Transfer[T], AddressRejected | None]]:
    resolved = addresses.resolve_all(request.url for _item, request in requests if request.public_only)
    for item, request in requests:
        found = resolved[addresses.host_of(request.url)] if request.public_only else ()
        if isinstance(found, AddressRejected):
            yield _Transfer(item, request), found
        else:
            yield _Transfer(item, request, found), None
