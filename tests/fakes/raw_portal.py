"""Fake portal that sends arbitrary bytes, to test responses that violate HTTP."""

import contextlib
import socket
import threading


class RawPortal:
    """Sends the next of `responses` to each request (the last one is repeated), in one write.

    A response is one of these: bytes, after which the connection stays open; a tuple of bytes and CLOSE, after which it
    is closed; a tuple of two byte strings, of which the second is repeated, with pauses, until the client disconnects.
    `received` holds the requests. Open connections are closed at the end.
    """

    CLOSE = b""

    def __init__(self, *responses, family=socket.AF_INET, pause_seconds=0):
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.responses = list(responses)
        self._pause_seconds, self._stopped = pause_seconds, threading.Event()
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.received, self.connections = [], []
        self.sent_bytes = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._stopped.set()
        for opened in [self._listener, *self.connections]:
            # Closing alone does not wake a thread that waits in accept or recv.
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while head := self._read_head(lines):
                length = next(int(line[15:]) for line in head if line.lower().startswith(b"content-length:"))
                self.received.append(b"\r\n".join([*head, b"", lines.read(length)]).decode("latin-1"))
                first, *rest = self._next_response()
                self._send(connection, first)
                if rest == [self.CLOSE]:
                    return
                while rest and not self._stopped.wait(self._pause_seconds):
                    self._send(connection, rest[0])

    def _read_head(self, lines):
        return list(iter(lambda: lines.readline().rstrip(b"\r\n"), b""))

    def _next_response(self):
        response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        return (response,) if isinstance(response, bytes) else response

    def _send(self, connection, data):
        connection.sendall(data)
        self.sent_bytes += len(data)
