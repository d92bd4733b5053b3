"""Outgoing HTTP proxy for tests: forwards plain requests, opens tunnels with CONNECT, and records both."""

import base64
import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.fakes.fake_server import Server

HOP_BY_HOP = {"proxy-authorization", "proxy-connection", "connection", "host", "content-length"}


class WebProxy:
    """Proxy, used as a context manager. If it has `credentials`, it returns 407 to requests without them.

    `received` holds (method, target, Proxy-Authorization header or None) of each request. `peers` holds the local ports
    of its connections to servers.
    """

    def __init__(self, credentials=None):
        self.credentials, self.received, self.peers = credentials, [], set()
        self.server = Server(("127.0.0.1", 0), type("BoundHandler", (ProxyHandler,), {"proxy": self}))
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    def is_authorized(self, authorization):
        if self.credentials is None:
            return True
        pair = base64.b64encode(":".join(self.credentials).encode()).decode()
        return authorization == f"Basic {pair}"


class ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def check_authorization(self):
        """Record the request and check its credentials; returns False after a 407."""
        authorization = self.headers.get("Proxy-Authorization")
        self.proxy.received.append((self.command, self.path, authorization))
        if self.proxy.is_authorized(authorization):
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.check_authorization():
            return
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.connect()
        self.proxy.peers.add(connection.sock.getsockname()[1])
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, parts.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        self.send_response(response.status)
        if response.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_POST  # noqa: N815 - the base class's name

    def do_CONNECT(self):
        if not self.check_authorization():
            return
        host, _colon, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as upstream:
            self.proxy.peers.add(upstream.getsockname()[1])
            self.send_response(200)
            self.end_headers()
            downstream = threading.Thread(target=forward, args=(upstream, self.connection), daemon=True)
            downstream.start()
            forward(self.connection, upstream)
            downstream.join(10)
        self.close_connection = True

    def log_message(self, *arguments):
        pass


def forward(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
