"""Web server with a WSGI application for tests, on a loopback port."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from contextlib import closing

import pytest
from uvicorn import Config, Server

from config.server import protocol
from config.server.application import Application
from config.server.connections import ConnectionTable

PART = bytes(1024 * 1024)


class Wsgi:
    """WSGI application that returns its variables. `/wait` waits for `is_released`; `/large` sends 64 MiB."""

    def __init__(self):
        self.is_waiting, self.is_released, self.is_closed = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, environ, start_response):
        body = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json")])
        if environ["PATH_INFO"] == "/large":
            return self.large()
        if environ["PATH_INFO"] == "/wait":
            self.is_waiting.set()
            self.is_released.wait(20)
        variables = {name: value for name, value in environ.items() if isinstance(value, str)}
        return [json.dumps({"body": body.decode(), **variables}).encode()]

    def large(self):
        try:
            for _number in range(64):
                yield PART
        finally:
            self.is_closed.set()


class WebServer:
    """Client of the running web server."""

    def __init__(self, port, wsgi, uvicorn):
        self.port, self.wsgi, self.uvicorn = port, wsgi, uvicorn

    def connect(self, source="127.0.0.1"):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(source, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return closing(connection)

    def stop(self):
        """Start a graceful shutdown, and wait until no new connection is accepted."""
        self.uvicorn.should_exit = True
        with contextlib.suppress(ConnectionError):
            while True:
                with self.connect():
                    # More connections would reach the limit per address.
                    time.sleep(0.02)

    def exchange(self, request, source="127.0.0.1"):
        """Send bytes on a new connection and return all received bytes until it is closed."""
        with self.connect(source) as connection:
            connection.sendall(request)
            return read_all(connection)

    def get(self, path="/", source="127.0.0.1", **headers):
        """Send a GET request and return status and JSON of the response."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        response = self.exchange(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode(), source)
        head, _separator, body = response.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(unchunked(body))


def read_all(connection):
    """Return all received bytes until the connection is closed or reset."""
    received = b""
    try:
        while data := connection.recv(65_536):
            received += data
    except ConnectionResetError:
        pass
    return received


def unchunked(body):
    """Return the content of a body with the transfer encoding `chunked`."""
    content = b""
    while body:
        size, _line, rest = body.partition(b"\r\n")
        length = int(size, 16)
        content, body = content + rest[:length], rest[length + 2 :]
        if not length:
            break
    return content


@pytest.fixture
def limits(monkeypatch):
    """Set limits of connections; the others have defaults."""

    def change(**values):
        defaults = {"limit": 1000, "limit_per_address": 1000, "max_held_bytes": 64 * 1024 * 1024, "proxies": []}
        table = ConnectionTable(**{**defaults, **values})
        monkeypatch.setattr(protocol, "table", table)
        return table

    change()
    return change


@pytest.fixture
def timeouts(monkeypatch):
    """Set the timeouts of phases, by name."""

    def change(**seconds):
        for name, value in seconds.items():
            monkeypatch.setitem(protocol.TIMEOUT_SECONDS, protocol.Phase[name.upper()], value)

    return change


@pytest.fixture
def server(limits):
    wsgi = Wsgi()
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config(
        Application(wsgi),
        http=protocol.LimitedProtocol,
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=3,
    )
    uvicorn = Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(uvicorn.serve([listener])), daemon=True)
    thread.start()
    yield WebServer(listener.getsockname()[1], wsgi, uvicorn)
    wsgi.is_released.set()
    uvicorn.should_exit = True
    thread.join(10)
    assert not thread.is_alive()
