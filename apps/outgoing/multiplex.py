"""Concurrent HTTP requests: one thread per pool, and a shared HTTP/2 connection per host.

libcurl reports its sockets and timeouts (`socket_action`). Connections are reused, replaced after a GOAWAY, and never
shared between requests with different certificates or proxies.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

import pycurl
import structlog

from apps.outgoing.http import Exchange, NoResponse, Request, Response

log = structlog.get_logger(__name__)

T = TypeVar("T")
BATCH_WINDOW_SECONDS = 0.01
TransferResult = Response | NoResponse
# Handles kept for later requests; each of them occupies memory.
MAX_IDLE_HANDLES = 256
EVENTS = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


def send_all(
    requests: Iterable[tuple[T, Request]],
    follow_up: Callable[[T, TransferResult], tuple[T, Request] | None] = lambda *_: None,
) -> Iterator[list[tuple[T, TransferResult]]]:
    """Send requests concurrently and yield lists of results, each result with the item of its request.

    Results within BATCH_WINDOW_SECONDS are yielded together, because they are cheaper to record together. If
    `follow_up` returns a request for a result, that request is sent, and its result replaces the first one.
    """
    results: SimpleQueue[tuple[T, TransferResult]] = SimpleQueue()

    def send(item: T, request: Request) -> None:
        _engine(request.pool).submit(request, lambda result: results.put((item, result)))

    pending = 0
    for item, request in requests:
        send(item, request)
        pending += 1
    while pending:
        batch = [results.get()]
        end = time.monotonic() + BATCH_WINDOW_SECONDS
        with suppress(Empty):
            while len(batch) < pending:
                batch.append(results.get(timeout=max(end - time.monotonic(), 0)))
        final = list[tuple[T, TransferResult]]()
        for item, result in batch:
            if next_request := follow_up(item, result):
                send(*next_request)
            else:
                final.append((item, result))
        pending -= len(final)
        if final:
            yield final


@dataclass(frozen=True)
class _Transfer:
    exchange: Exchange
    on_result: Callable[[TransferResult], None]


class Engine:
    """Thread that performs the transfers of a pool. Only this thread uses the handles of libcurl."""

    def __init__(self) -> None:
        self._submitted: deque[tuple[Request, Callable[[TransferResult], None]]] = deque()
        self._transfers: dict[pycurl.Curl, _Transfer] = {}
        self._idle: list[pycurl.Curl] = []
        self._selector = selectors.DefaultSelector()
        self._wakeup_receiver, self._wakeup_sender = socket.socketpair()
        self._wakeup_receiver.settimeout(0)
        self._wakeup_sender.settimeout(0)
        self._selector.register(self._wakeup_receiver, selectors.EVENT_READ)
        self._wake_at: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        threading.Thread(target=self._run, name="multiplex", daemon=True).start()

    def submit(self, request: Request, on_result: Callable[[TransferResult], None]) -> None:
        """Send a request. `on_result` is called on the thread of the engine and must return quickly."""
        self._submitted.append((request, on_result))
        # A full buffer wakes the thread as well.
        with suppress(BlockingIOError):
            self._wakeup_sender.send(b"!")

    def _run(self) -> None:
        while True:
            try:
                self._step()
            except Exception:
                # An internal error: all transfers end, so that no caller waits forever.
                log.exception("transfer_error")
                self._abort_all()

    def _step(self) -> None:
        for key, events in self._selector.select(self._timeout()):
            if key.fileobj is self._wakeup_receiver:
                with suppress(BlockingIOError):
                    self._wakeup_receiver.recv(4096)
            else:
                self._process_events(key.fd, events)
        if self._wake_at is not None and time.monotonic() >= self._wake_at:
            self._wake_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._start_submitted()
        self._finish_completed()

    def _timeout(self) -> float | None:
        return None if self._wake_at is None else max(self._wake_at - time.monotonic(), 0)

    def _process_events(self, descriptor: int, events: int) -> None:
        flags = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
        flags |= pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
        self._multi.socket_action(descriptor, flags)

    def _start_submitted(self) -> None:
        while self._submitted:
            request, on_result = self._submitted.popleft()
            curl = self._idle.pop() if self._idle else pycurl.Curl()
            try:
                exchange = Exchange(curl, request)
            except Exception as error:  # noqa: BLE001 - the caller waits for a result
                on_result(NoResponse(f"the request cannot be sent ({type(error).__name__})", may_have_arrived=False))
                continue
            self._transfers[curl] = _Transfer(exchange, on_result)
            curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
            # Wait for a connection that is being opened and use a stream of it. Without TLS there are no streams: the
            # request would wait for the response to another one.
            curl.setopt(pycurl.PIPEWAIT, request.url.lower().startswith("https:"))
            self._multi.add_handle(curl)

    def _finish_completed(self) -> None:
        remaining = 1
        while remaining:
            remaining, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._complete(curl, pycurl.E_OK, "")
            for curl, number, text in failed:
                # The message can contain bytes of the server that are invalid UTF-8 and could not be stored.
                self._complete(curl, number, text.encode(errors="surrogateescape").decode(errors="replace"))

    def _complete(self, curl: pycurl.Curl, number: int, text: str) -> None:
        transfer = self._transfers.pop(curl)
        result = transfer.exchange.result(number, text)
        self._multi.remove_handle(curl)
        if len(self._idle) < MAX_IDLE_HANDLES:
            curl.reset()
            self._idle.append(curl)
        transfer.on_result(result)

    def _abort_all(self) -> None:
        transfers, self._transfers = self._transfers, {}
        for curl, transfer in transfers.items():
            with suppress(pycurl.error):
                self._multi.remove_handle(curl)
            transfer.on_result(NoResponse("aborted after an internal error", may_have_arrived=True))

    def _watch(self, event: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        if event == pycurl.POLL_REMOVE:
            with suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        elif descriptor in self._selector.get_map():
            self._selector.modify(descriptor, EVENTS[event])
        else:
            self._selector.register(descriptor, EVENTS[event])

    def _set_timer(self, milliseconds: int) -> None:
        self._wake_at = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000


_engines: dict[tuple[int, str], Engine] = {}
_lock = threading.Lock()


def _engine(pool: str) -> Engine:
    """Return the engine of a pool in this process: threads do not survive a fork."""
    key = (os.getpid(), pool)
    with _lock:
        return _engines.get(key) or _engines.setdefault(key, Engine())
