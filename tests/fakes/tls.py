"""The server's side of TLS on one connection.

asyncio's own says nothing to a client that it refuses in the handshake; Apple says why, and so does this.
"""

import asyncio
import contextlib
import socket
import ssl
import struct

HANDSHAKE_SECONDS = 5
# How long the other side may take to read the last words.
GOODBYE_SECONDS = 1


class TlsConnection(asyncio.Protocol):
    """What speaks inside gives `begin`, `hear` (data) and `end`, and uses `send`, `close` and `break_off`."""

    def __init__(self, context):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.has_begun = self.is_closing = False

    def connection_made(self, transport):
        self.transport = transport
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, transport.abort)

    def connection_lost(self, exception):
        self._timer.cancel()
        self.is_closing = True
        self.end()

    def data_received(self, data):
        if self.is_closing:
            return
        self._incoming.write(data)
        try:
            if not self.has_begun:
                self._shake_hands()
            self._read()
        except ssl.SSLWantReadError:
            self._write()
        except ssl.SSLError:
            self._hang_up()

    def _shake_hands(self):
        self.tls.do_handshake()
        self._timer.cancel()
        self.has_begun = True
        self.begin()

    def _read(self):
        while not self.is_closing and (data := self.tls.read(65_536)):
            self.hear(data)
        self.close()

    def send(self, data):
        if not self.is_closing:
            self.tls.write(data)
            self._write()

    def _write(self):
        if self._outgoing.pending:
            self.transport.write(self._outgoing.read())

    def close(self):
        """End the connection once the other side has read what was sent."""
        if not self.is_closing:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self._hang_up()

    def _hang_up(self):
        self.is_closing = True
        self._write()
        with contextlib.suppress(OSError):
            self.transport.write_eof()
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(GOODBYE_SECONDS, self.transport.abort)

    def break_off(self):
        """Reset the TCP connection without a word."""
        self.is_closing = True
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
