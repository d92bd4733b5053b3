"""HTTP/1.1 protocol of uvicorn with a timeout for each phase of a request and with connection limits."""

import asyncio
import logging
from enum import Enum
from typing import Any

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from config.server.connections import ConnectionTable
from config.server.processes import max_connections

MAX_HEAD_BYTES = 32 * 1024
# All requests and responses that a process holds in memory for slow clients.
MAX_HELD_BYTES = 64 * 1024 * 1024
WRITE_BUFFER_BYTES = 32 * 1024


class Phase(Enum):
    """Event for which a connection waits."""

    IDLE = "the next request"
    HEAD = "the headers, from their first byte; at first from the connection"
    BODY = "the rest of the body"
    RUN = "the thread that serves the request"
    RESPOND = "the client, to read a part of the response"
    REJECT = "the client, to read the error response"


TIMEOUT_SECONDS = {
    # Longer than the keep-alive timeout of reverse proxies (nginx: 60 s), so that the proxy closes the connection.
    Phase.IDLE: 75,
    Phase.HEAD: 10,
    Phase.BODY: 30,
    Phase.RESPOND: 30,
    Phase.REJECT: 2,
}
# For requests that are arriving while the process stops.
STOP_TIMEOUT_SECONDS = 2

# Only errors of the application: errors of clients are unlimited and could fill the disk.
logger = logging.getLogger("uvicorn.protocol")
logger.setLevel(logging.ERROR)

table = ConnectionTable(
    limit=max_connections(),
    limit_per_address=settings.WEB_MAX_CONNECTIONS_PER_ADDRESS,
    max_held_bytes=MAX_HELD_BYTES,
    proxies=settings.TRUSTED_PROXIES,
)


class LimitedProtocol(HttpToolsProtocol):
    """Connection, available to the application in the state of its scope.

    The application calls `run` and `respond` when it processes the request and sends the response.
    """

    address = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = logger
        self.app_state = {**self.app_state, "connection": self}
        self._phase = Phase.HEAD
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_bytes = 0
        self._is_stopping = False

    @property
    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def run(self) -> None:
        """Stop the timeouts of the client: a thread processes the request."""
        self._enter(Phase.RUN)
        table.run(self)

    def respond(self, size: int) -> None:
        """Start the timeout for the client to read `size` bytes of the response."""
        table.wait(self)
        table.release(self)
        table.hold(self, size)
        self._enter(Phase.RESPOND)

    def abort(self) -> None:
        """Close the connection immediately. Unread parts of the response are lost."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        self.address = self.client[0] if self.client else ""
        self._enter(Phase.HEAD)
        table.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        table.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD)
        if not self._is_discarding():
            table.hold(self, len(data))
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._phase is Phase.HEAD:
            self._enter(Phase.BODY)
        super().on_headers_complete()
        if self._is_stopping:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        if self._is_discarding():
            self._enter(Phase.IDLE)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        table.release(self)
        has_next = bool(self.pipeline)
        super().on_response_complete()
        # The phases have their own timer.
        self._unset_keepalive_if_required()
        if self.is_closing:
            self._enter(Phase.RESPOND)
        elif has_next or self.cycle.more_body:
            self._enter(Phase.BODY)
        else:
            self._enter(Phase.HEAD if self._in_head else Phase.IDLE)

    def shutdown(self) -> None:
        """Close the connection after its response, or after STOP_TIMEOUT_SECONDS if no complete request has arrived.

        A new connection is not closed at once: its request may be on the way, and a proxy would not repeat it.
        """
        self._is_stopping = True
        if self._phase is not Phase.HEAD:
            super().shutdown()
        if self._phase in (Phase.HEAD, Phase.BODY):
            self._start_timer(STOP_TIMEOUT_SECONDS)

    def _is_discarding(self) -> bool:
        """Return True if the response is complete and the rest of the request body is still arriving."""
        return bool(self.cycle and self.cycle.response_complete and self.cycle.more_body)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._stop_timer()
        if phase in TIMEOUT_SECONDS:
            is_arriving = phase in (Phase.HEAD, Phase.BODY)
            self._start_timer(STOP_TIMEOUT_SECONDS if self._is_stopping and is_arriving else TIMEOUT_SECONDS[phase])

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        if self._phase is Phase.BODY or (self._phase is Phase.HEAD and self._in_head):
            self._reject(b"408 Request Timeout")
        else:
            self.abort()

    def _reject(self, status: bytes) -> None:
        self._enter(Phase.REJECT)
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
