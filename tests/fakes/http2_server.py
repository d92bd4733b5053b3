"""Base of the fakes with HTTP/2 and TLS on localhost. The control port speaks plain HTTP.

Scripted responses are those of tests.fakes.fake_server (without `truncate` and `trickle`), with two more failures:
`rst` (resets the stream; True or an HTTP/2 error code) and `goaway` (closes the connection and reports that the stream
was not processed).
"""

import asyncio
import itertools
import socket
import ssl
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.fakes import fake_server
from tests.fakes.apns_certificates import Authority
from tests.fakes.http2 import Connection


class Http2Server(fake_server.FakeServer):
    """Fake with one HTTPS port for each name in `names`. The event loop of the server runs in its own thread.

    Records have these additional members: `environment` (the name of the port), `connection` (its number; the first is
    1) and `peer` (the client's port).
    """

    names = ("service",)

    def __init__(self, port=0):
        super().__init__(port)
        self.authority = Authority()
        self.sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=512) for name in self.names}
        ports = {name: listener.getsockname()[1] for name, listener in self.sockets.items()}
        self.urls = {f"{name}_url": f"https://localhost:{port}" for name, port in ports.items()}
        self.directory = tempfile.TemporaryDirectory(prefix="countersign-tests-http2-")
        self.tls = self._tls()
        self.connections, self.handshakes, self.response_counts = set(), 0, Counter()
        self.delay_seconds, self.records_requests = 0, True
        self._numbers, self._delayed = itertools.count(), {}
        self._ready, self._thread = threading.Event(), threading.Thread(target=lambda: asyncio.run(self._serve()))

    def _tls(self):
        """Return the TLS context of the servers. An invalid client certificate is rejected in the handshake."""
        directory = Path(self.directory.name)
        (directory / "ca.pem").write_text(self.authority.certificate)
        (directory / "server.pem").write_text(self.authority.server())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem")
        context.load_verify_locations(directory / "ca.pem")
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_alpn_protocols(["h2"])
        return context

    @property
    def ca_file(self):
        return str(Path(self.directory.name) / "ca.pem")

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10), "the HTTP/2 server did not start"
        return super().__enter__()

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self._run_on_loop(self._stop.set)
        self._thread.join(10)
        self.directory.cleanup()
        assert not self._thread.is_alive(), "the HTTP/2 server did not stop"

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        servers = [
            await self._loop.create_server(lambda name=name: Connection(self, name), sock=bound, backlog=512)
            for name, bound in self.sockets.items()
        ]
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for connection in list(self.connections):
            connection.transport.abort()
        while self.connections:
            await asyncio.sleep(0.001)

    def _run_on_loop(self, call):
        """Run a callable on the event loop and wait for its end."""

        async def run():
            call()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def on_accept(self, connection):
        self.connections.add(connection)

    def on_open(self, connection):
        self.handshakes += 1
        return self.handshakes

    def on_close(self, connection):
        self.connections.discard(connection)

    def call_later(self, seconds, call):
        """Call on the event loop after some seconds, or when the delayed responses are released."""
        if not seconds:
            call()
            return
        number = next(self._numbers)
        self._delayed[number] = self._loop.call_later(seconds, self._fire, number), call

    def _fire(self, number):
        timer, call = self._delayed.pop(number)
        timer.cancel()
        call()

    def record(self, key, request, response):
        """Record a request; returns its record and its response: this one, the scripted one, or an empty one."""
        record = {
            "key": key,
            "path": request.path,
            "headers": {**request.headers, "peer": request.peer},
            "body": self.body(request),
            "environment": request.environment,
            "connection": request.connection,
            "peer": request.peer,
            "status": None,
            "at": time.time(),
        }
        with self._changed:
            if self.records_requests:
                self.received.append(record)
            response = response or self._next(key) or {}
            self._changed.notify_all()
        return record, {**response, "delay": response.get("delay", 0) + self.delay_seconds}

    def body(self, request):
        """Return the body of a request as it is recorded."""
        return request.body.decode("utf-8", "replace")

    def finish(self, record, status):
        self.response_counts[status] += 1
        super().finish(record, status)

    def release(self):
        super().release()
        self._run_on_loop(lambda: [self._fire(number) for number in list(self._delayed)])

    def _go_away(self):
        for connection in list(self.connections):
            if connection.is_open:
                connection.go_away()

    def execute(self, command):
        match command["command"]:
            case "goaway":
                self._run_on_loop(self._go_away)
            case "connections":
                return self.handshakes
            case "response_counts":
                return self.response_counts
            case "delay":
                self.delay_seconds = command["ms"] / 1000
            case "stop_recording":
                self.records_requests = False
                self.received.clear()
            case _:
                return super().execute(command)
        return None


class Http2Control(fake_server.Control):
    def goaway(self):
        """Send GOAWAY on every connection: open requests get a response, later ones are not processed."""
        self.execute("goaway")

    def connections(self):
        """Return the number of TLS connections accepted so far."""
        return self.execute("connections")

    def response_counts(self):
        """Return the number of responses by status, which are also counted while recording is off."""
        return {int(status): count for status, count in self.execute("response_counts").items()}

    def delay(self, milliseconds):
        """Delay every later response by this time."""
        self.execute("delay", ms=milliseconds)

    def stop_recording(self):
        """Delete the recorded requests and record no more, for tests with many thousands of pushes."""
        self.execute("stop_recording")
