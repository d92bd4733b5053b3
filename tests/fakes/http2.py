"""One HTTP/2 connection of a stand-in, and what may go wrong with it. Runs on the loop of the server it belongs to.

A connection asks its server: `accepted(connection)`, `opened(connection)` returns its number, `closed(connection)`,
`take(request)` returns a record and an answer (as tests.fakes.stand_in has them), `finish(record, status)`, and
`later(seconds, call)`.
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
# What h2 would look for in headers costs a fifth of the speed, and no client of ours writes them by hand.
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
    """`headers` has lower-case names and no pseudo-headers; `certificate` is the client's (DER), or None."""

    method: str
    path: str
    headers: dict
    environment: str
    connection: int
    peer: int
    certificate: bytes | None
    body: bytearray = field(default_factory=bytearray)


class Connection(TlsConnection):
    """`open` holds the requests that are not answered yet, by stream; streams above `last` are not processed."""

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
        self.open, self.unsent = {}, {}
        self.newest, self.last = 0, LAST_STREAM
        self.flushes_soon = False

    def connection_made(self, transport):
        super().connection_made(transport)
        self.server.accepted(self)

    def begin(self):
        self.peer = self.transport.get_extra_info("peername")[1]
        self.certificate = self.tls.getpeercert(binary_form=True)
        self.number = self.server.opened(self)
        if self.tls.selected_alpn_protocol() != "h2":
            self.close()
            return
        self.http.initiate_connection()
        self.http.increment_flow_control_window(WINDOW_BYTES)
        self.flush()

    def end(self):
        self.open.clear()
        self.unsent.clear()
        self.server.closed(self)

    def hear(self, data):
        try:
            for event in self.http.receive_data(data):
                self.on(event)
        except ProtocolError:
            self.flush()
            self.close()
        self.flush_soon()

    def on(self, event):
        match event:
            case events.RequestReceived():
                self.start(event.stream_id, event.headers)
            case events.DataReceived():
                self.http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                if event.stream_id in self.open:
                    self.open[event.stream_id].body += event.data
            case events.StreamEnded() if event.stream_id in self.open:
                self.process(event.stream_id)
            case events.StreamReset():
                self.open.pop(event.stream_id, None)
                self.unsent.pop(event.stream_id, None)
                self.close_when_done()
            case events.WindowUpdated():
                self.send_bodies()

    def start(self, stream, headers):
        if stream > self.last:
            return
        decoded = {name.decode(): value.decode("utf-8", "replace") for name, value in headers}
        pseudo = {name: decoded.pop(name, "") for name in (":method", ":path", ":scheme", ":authority")}
        self.open[stream] = Request(
            pseudo[":method"],
            pseudo[":path"],
            decoded,
            self.environment,
            self.number,
            self.peer,
            self.certificate,
        )

    def process(self, stream):
        self.newest = max(self.newest, stream)
        record, answer = self.server.take(self.open[stream])
        self.server.later(answer.get("hang", 0), lambda: self.carry_out(stream, record, answer))

    def carry_out(self, stream, record, answer):
        """Answer, or fail as scripted. Nothing is left to do when the client or the connection went meanwhile."""
        if stream not in self.open:
            return
        if answer.get("reset"):
            self.reset()
        elif answer.get("goaway"):
            self.refuse_from(stream)
        elif answer.get("rst"):
            self.http.reset_stream(stream, ErrorCodes.INTERNAL_ERROR if answer["rst"] is True else answer["rst"])
            del self.open[stream]
        else:
            self.server.finish(record, answer.get("status", 200))
            self.respond(stream, answer)
        self.close_when_done()
        self.flush_soon()

    def respond(self, stream, answer):
        body = answer.get("body", "").encode()
        headers = [(":status", str(answer.get("status", 200)))]
        # Values that never come again have no place in the table of the header compression.
        headers += [NeverIndexedHeaderTuple(name.lower(), value) for name, value in answer["headers"].items()]
        self.http.send_headers(stream, headers, end_stream=not body)
        del self.open[stream]
        if body:
            self.unsent[stream] = body
            self.send_bodies()

    def send_bodies(self):
        """Send as much of the bodies as the client has room for."""
        for stream in list(self.unsent):
            while (body := self.unsent[stream]) and (room := self.http.local_flow_control_window(stream)) > 0:
                size = min(room, self.http.max_outbound_frame_size)
                self.http.send_data(stream, body[:size], end_stream=size >= len(body))
                self.unsent[stream] = body[size:]
            if not body:
                del self.unsent[stream]
        self.close_when_done()

    def refuse_from(self, stream):
        """Say goodbye in such a way that this stream was surely not processed.

        When newer ones were processed already, it cannot be told by the number alone: then it is also refused.
        """
        if self.newest > stream:
            self.http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
            del self.open[stream]
        self.go_away(self.newest if self.newest > stream else max(stream - 2, 0))

    def go_away(self, last=None):
        """Send GOAWAY; streams up to `last` (the newest that began) are still answered, then the connection closes."""
        last = max([self.newest, *self.open]) if last is None else last
        self.last = min(self.last, last)
        self.open = {stream: request for stream, request in self.open.items() if stream <= self.last}
        self.flush()
        # Written by hand: after h2's own GOAWAY nothing more can be sent.
        self.send(GoAwayFrame(0, last_stream_id=self.last).serialize())
        self.close_when_done()

    def close_when_done(self):
        if self.last < LAST_STREAM and not self.open and not self.unsent:
            self.flush()
            self.close()

    def reset(self):
        self.last = 0
        self.open.clear()
        self.unsent.clear()
        self.break_off()

    def flush(self):
        self.flushes_soon = False
        if data := self.http.data_to_send():
            self.send(data)

    def flush_soon(self):
        """Have what is to be sent in this turn of the loop leave together."""
        if not self.flushes_soon:
            self.flushes_soon = True
            asyncio.get_running_loop().call_soon(self.flush)
