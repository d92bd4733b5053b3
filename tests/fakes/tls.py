"""Server side of TLS on one connection.

Unlike asyncio's implementation, it sends a TLS alert to a client rejected in the handshake, as Apple does.
"""

import asyncio
import contextlib
import socket
import ssl
import struct

HANDSHAKE_TIMEOUT_SECONDS = 5
# Time for the client to read the last data.
CLOSE_TIMEOUT_SECONDS = 1


class TlsConnection(asyncio.Protocol):
    """TLS connection. Subclasses define `on_open`, `on_data` and `on_close`, and use `send`, `close` and `abort`."""

    def __init__(self, context):
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.is_open = self.is_closing = False

    def connection_made(self, transport):
        self.transport = transport
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT_SECONDS, transport.abort)

    def connection_lost(self, exception):
        self._timer.cancel()
        self.is_closing = True
        self.on_close()

    def data_received(self, data):
        if self.is_closing:
            return
        self._incoming.write(data)
        try:
            if not self.is_open:
                self._do_handshake()
            self._read()
        except ssl.SSLWantReadError:
            self._write()
        except ssl.SSLError:
            self._finish_closing()

    def _do_handshake(self):
        self.tls.do_handshake()
        self._timer.cancel()
        self.is_open = True
        self.on_open()

    def _read(self):
        while not self.is_closing and (data := self.tls.read(65_536)):
            self.on_data(data)
        self.close()

    def send(self, data):
        if not self.is_closing:
            self.tls.write(data)
            self._write()

    def _write(self):
        if self._outgoing.pending:
            self.transport.write(self._outgoing.read())

    def close(self):
        """Close the connection after the client has read all data."""
        if not self.is_closing:
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self._finish_closing()

    def _finish_closing(self):
        self.is_closing = True
        self._write()
        with contextlib.suppress(OSError):
            self.transport.write_eof()
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_SECONDS, self.transport.abort)

    def abort(self):
        """Reset the TCP connection without a TLS alert."""
        self.is_closing = True
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
