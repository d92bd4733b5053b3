"""HTTP/2 connection of a fake, with scripted failures. Runs on the event loop of its server.

A connection calls these methods of its server: `on_accept(connection)`; `on_open(connection)`, which returns its
number; `on_close(connection)`; `receive(request)`, which returns a record and a response (see tests.fakes.fake_server);
`finish(record, status)`; and `call_later(seconds, call)`.
"""

import asyncio
from dataclasses import dataclass, field

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import NeverIndexedHeaderTuple
from hyperframe.frame import GoAwayFrame

from tests.fakes.tls import TlsConnection

MAX_STREAMS = 1000
WINDOW_BYTES = 16 * 1024 * 1024
LAST_STREAM = 2**31 - 1
# Header validation by h2 costs 20% of the throughput, and all clients use an HTTP/2 library.
CONFIGURATION = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


@dataclass
class Request:
    """Request on a stream. `headers` has lower-case names and no pseudo-headers.

    `certificate` is the client certificate (DER) or None.
    """

    method: str
    path: str
    headers: dict
    environment: str
    connection: int
    peer: int
    certificate: bytes | None
    body: bytearray = field(default_factory=bytearray)


class Connection(TlsConnection):
    """HTTP/2 connection. `requests` holds the open requests by stream; streams above `last_stream` are ignored."""

    def __init__(self, server, environment):
        super().__init__(server.tls)
        self.server, self.environment = server, environment
        self.http = H2Connection(CONFIGURATION)
        self.http.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
            },
        )
        self.requests, self.unsent_bodies = {}, {}
        self.newest_stream, self.last_stream = 0, LAST_STREAM
        self.flushes_soon = False

    def connection_made(self, transport):
        super().connection_made(transport)
        self.server.on_accept(self)

    def on_open(self):
        self.peer = self.transport.get_extra_info("peername")[1]
        self.certificate = self.tls.getpeercert(binary_form=True)
        self.number = self.server.on_open(self)
        if self.tls.selected_alpn_protocol() != "h2":
            self.close()
            return
        self.http.initiate_connection()
        self.http.increment_flow_control_window(WINDOW_BYTES)
        self.flush()

    def on_close(self):
        self.requests.clear()
        self.unsent_bodies.clear()
        self.server.on_close(self)

    def on_data(self, data):
        try:
            for event in self.http.receive_data(data):
                self.handle_event(event)
        except ProtocolError:
            self.flush()
            self.close()
        self.flush_soon()

    def handle_event(self, event):
        match event:
            case events.RequestReceived():
                self.start_stream(event.stream_id, event.headers)
            case events.DataReceived():
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self.requests:
                    self.requests[event.stream_id].body += event.data
            case events.StreamEnded() if event.stream_id in self.requests:
                self.process_request(event.stream_id)
            case events.StreamReset():
                self.requests.pop(event.stream_id, None)
                self.unsent_bodies.pop(event.stream_id, None)
                self.close_when_done()
            case events.WindowUpdated():
                self.send_bodies()

    def start_stream(self, stream, headers):
        if stream > self.last_stream:
            return
        decoded = {name.decode(): value.decode("utf-8", "replace") for name, value in headers}
        pseudo = {name: decoded.pop(name, "") for name in (":method", ":path", ":scheme", ":authority")}
        self.requests[stream] = Request(
            pseudo[":method"],
            pseudo[":path"],
            decoded,
            self.environment,
            self.number,
            self.peer,
            self.certificate,
        )

    def process_request(self, stream):
        self.newest_stream = max(self.newest_stream, stream)
        record, response = self.server.receive(self.requests[stream])
        self.server.call_later(response.get("delay", 0), lambda: self.execute_response(stream, record, response))

    def execute_response(self, stream, record, response):
        """Send the response or the scripted failure, unless the stream was closed in the meantime."""
        if stream not in self.requests:
            return
        if response.get("reset"):
            self.reset()
        elif response.get("goaway"):
            self.reject_from(stream)
        elif response.get("rst"):
            self.http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR if response["rst"] is True else response["rst"])
            del self.requests[stream]
        else:
            self.server.finish(record, response.get("status", 200))
            self.respond(stream, response)
        self.close_when_done()
        self.flush_soon()

    def respond(self, stream, response):
        body = response.get("body", "").encode()
        headers = [(":status", str(response.get("status", 200)))]
        # Unique values are kept out of the header compression table.
        headers += [NeverIndexedHeaderTuple(name.lower(), value) for name, value in response["headers"].items()]
        self.http.send_headers(stream, headers, end_stream=not body)
        del self.requests[stream]
        if body:
            self.unsent_bodies[stream] = body
            self.send_bodies()

    def send_bodies(self):
        """Send as much of the bodies as flow control permits."""
        for stream in list(self.unsent_bodies):
            while (body := self.unsent_bodies[stream]) and (room := self.http.local_flow_control_window(stream)) > 0:
                size = min(room, self.http.max_outbound_frame_size)
                self.http.send_data(stream, body[:size], end_stream=size >= len(body))
                self.unsent_bodies[stream] = body[size:]
            if not body:
                del self.unsent_bodies[stream]
        self.close_when_done()

    def reject_from(self, stream):
        """Send GOAWAY so that the client knows that this stream was not processed.

        If a newer stream was processed, the last stream number does not show this, so the stream is also reset.
        """
        if self.newest_stream > stream:
            self.http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            del self.requests[stream]
        self.go_away(self.newest_stream if self.newest_stream > stream else max(stream - 2, 0))

    def go_away(self, last=None):
        """Send GOAWAY, respond to streams up to `last` (default: the newest one), then close the connection."""
        last = max([self.newest_stream, *self.requests]) if last is None else last
        self.last_stream = min(self.last_stream, last)
        self.requests = {stream: request for stream, request in self.requests.items() if stream <= self.last_stream}
        self.flush()
        # The frame is built here because h2 rejects further data after its own GOAWAY.
        self.send(GoAwayFrame(0, last_stream_id=self.last_stream).serialize())
        self.close_when_done()

    def close_when_done(self):
        if self.last_stream < LAST_STREAM and not self.requests and not self.unsent_bodies:
            self.flush()
            self.close()

    def reset(self):
        self.last_stream = 0
        self.requests.clear()
        self.unsent_bodies.clear()
        self.abort()

    def flush(self):
        self.flushes_soon = False
        if data := self.http.data_to_send():
            self.send(data)

    def flush_soon(self):
        """Send the data of this iteration of the event loop in one write."""
        if not self.flushes_soon:
            self.flushes_soon = True
            asyncio.get_running_loop().call_soon(self.flush)
