"""A portal that says whatever bytes it is told to, and so can break HTTP in every way."""

import contextlib
import socket
import threading


class RawPortal:
    """Answers each request with the next of `answers` (the last one stays), in one piece.

    An answer is bytes, after which the connection stays open; bytes and CLOSE, after which it is closed; or bytes and
    what is sent after them again and again, with pauses, until the other side has had enough. `heard` holds the
    requests. What is still open is closed at the end.
    """

    CLOSE = b""

    def __init__(self, *answers, family=socket.AF_INET, pause_seconds=0):
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self._answers = list(answers)
        self._pause_seconds, self._over = pause_seconds, threading.Event()
        self._listener = socket.create_server((host, 0), family=family, backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.heard, self.connections = [], []
        self.sent_bytes = 0

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        for one in [self._listener, *self.connections]:
            # Closing alone does not wake a thread that waits in accept or recv.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while head := self._head(lines):
                length = next(int(line[15:]) for line in head if line.lower().startswith(b"content-length:"))
                self.heard.append(b"\r\n".join([*head, b"", lines.read(length)]).decode("latin-1"))
                text, *more = self._next()
                self._say(connection, text)
                if more == [self.CLOSE]:
                    return
                while more and not self._over.wait(self._pause_seconds):
                    self._say(connection, more[0])

    def _head(self, lines):
        return list(iter(lambda: lines.readline().rstrip(b"\r\n"), b""))

    def _next(self):
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return (answer,) if isinstance(answer, bytes) else answer

    def _say(self, connection, text):
        connection.sendall(text)
        self.sent_bytes += len(text)
