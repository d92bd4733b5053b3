"""Many requests at once: one thread a pool drives them all, and those to one host share an HTTP/2 connection.

libcurl says which sockets it waits for and for how long (`socket_action`); connections are kept between requests, made
anew when the other side says goodbye, and never shared across other certificates or proxies.
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
# Handles that wait for their next request; each keeps some memory.
MAX_IDLE_HANDLES = 256
EVENTS = {
    pycurl.POLL_IN: selectors.EVENT_READ,
    pycurl.POLL_OUT: selectors.EVENT_WRITE,
    pycurl.POLL_INOUT: selectors.EVENT_READ | selectors.EVENT_WRITE,
}


def send_all(
    requests: Iterable[tuple[T, Request]],
    instead: Callable[[T, TransferResult], tuple[T, Request] | None] = lambda *_: None,
) -> Iterator[list[tuple[T, TransferResult]]]:
    """Send requests at once and yield what came of them, each with the object it was given with, as it comes.

    What comes within a hundredth of a second is yielded together: it is cheaper to write down. What `instead` makes of
    a result, if anything, is sent at once, and its own result takes the place of that one.
    """
    arrived: SimpleQueue[tuple[T, TransferResult]] = SimpleQueue()

    def send(item: T, request: Request) -> None:
        _engine(request.pool).submit(request, lambda result: arrived.put((item, result)))

    waiting = 0
    for item, request in requests:
        send(item, request)
        waiting += 1
    while waiting:
        batch = [arrived.get()]
        end = time.monotonic() + BATCH_WINDOW_SECONDS
        with suppress(Empty):
            while len(batch) < waiting:
                batch.append(arrived.get(timeout=max(end - time.monotonic(), 0)))
        final = list[tuple[T, TransferResult]]()
        for item, result in batch:
            if another := instead(item, result):
                send(*another)
            else:
                final.append((item, result))
        waiting -= len(final)
        if final:
            yield final


@dataclass(frozen=True)
class _Flight:
    exchange: Exchange
    done: Callable[[TransferResult], None]


class Engine:
    """The thread, and what it waits for. Everything of libcurl is touched by that thread alone."""

    def __init__(self) -> None:
        self._submitted: deque[tuple[Request, Callable[[TransferResult], None]]] = deque()
        self._flights: dict[pycurl.Curl, _Flight] = {}
        self._idle: list[pycurl.Curl] = []
        self._selector = selectors.DefaultSelector()
        self._bell, self._ring = socket.socketpair()
        self._bell.settimeout(0)
        self._ring.settimeout(0)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._wake_at: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_PIPELINING, pycurl.PIPE_MULTIPLEX)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        threading.Thread(target=self._run, name="multiplex", daemon=True).start()

    def submit(self, request: Request, done: Callable[[TransferResult], None]) -> None:
        """Send a request; `done` is called on the engine's thread and must be quick."""
        self._submitted.append((request, done))
        # A full pipe rings as well as one byte.
        with suppress(BlockingIOError):
            self._ring.send(b"!")

    def _run(self) -> None:
        while True:
            try:
                self._step()
            except Exception:
                # A fault of our own: nobody waits for ever for an answer that was lost with it.
                log.exception("transfer_error")
                self._abandon()

    def _step(self) -> None:
        for key, events in self._selector.select(self._timeout()):
            if key.fileobj is self._bell:
                with suppress(BlockingIOError):
                    self._bell.recv(4096)
            else:
                self._act(key.fd, events)
        if self._wake_at is not None and time.monotonic() >= self._wake_at:
            self._wake_at = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._begin()
        self._finish()

    def _timeout(self) -> float | None:
        return None if self._wake_at is None else max(self._wake_at - time.monotonic(), 0)

    def _act(self, descriptor: int, events: int) -> None:
        flags = pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0
        flags |= pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
        self._multi.socket_action(descriptor, flags)

    def _begin(self) -> None:
        while self._submitted:
            request, done = self._submitted.popleft()
            curl = self._idle.pop() if self._idle else pycurl.Curl()
            try:
                exchange = Exchange(curl, request)
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits is told
                done(NoResponse(f"this cannot be sent ({type(error).__name__})", may_have_arrived=False))
                continue
            self._flights[curl] = _Flight(exchange, done)
            curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
            # Rather a stream on a connection that is being made than a connection of one's own; without TLS there are
            # no streams, and whoever waits would wait for another's answer.
            curl.setopt(pycurl.PIPEWAIT, request.url.lower().startswith("https:"))
            self._multi.add_handle(curl)

    def _finish(self) -> None:
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            for curl in succeeded:
                self._land(curl, pycurl.E_OK, "")
            for curl, number, text in failed:
                # Bytes of the other side may stand in it: those that are no text could not be written down.
                self._land(curl, number, text.encode(errors="surrogateescape").decode(errors="replace"))

    def _land(self, curl: pycurl.Curl, number: int, text: str) -> None:
        flight = self._flights.pop(curl)
        result = flight.exchange.result(number, text)
        self._multi.remove_handle(curl)
        if len(self._idle) < MAX_IDLE_HANDLES:
            curl.reset()
            self._idle.append(curl)
        flight.done(result)

    def _abandon(self) -> None:
        flights, self._flights = self._flights, {}
        for curl, flight in flights.items():
            with suppress(pycurl.error):
                self._multi.remove_handle(curl)
            flight.done(NoResponse("given up after a fault", may_have_arrived=True))

    def _watch(self, what: int, descriptor: int, _multi: pycurl.CurlMulti, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            with suppress(KeyError, ValueError):
                self._selector.unregister(descriptor)
        elif descriptor in self._selector.get_map():
            self._selector.modify(descriptor, EVENTS[what])
        else:
            self._selector.register(descriptor, EVENTS[what])

    def _set_timer(self, milliseconds: int) -> None:
        self._wake_at = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000


_engines: dict[tuple[int, str], Engine] = {}
_lock = threading.Lock()


def _engine(pool: str) -> Engine:
    """Return the pool's engine of this process: a thread does not come along through a fork."""
    key = (os.getpid(), pool)
    with _lock:
        return _engines.get(key) or _engines.setdefault(key, Engine())
