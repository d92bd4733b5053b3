"""An outgoing HTTP proxy, for tests: forwards plain requests, opens tunnels with CONNECT, and remembers both."""

import base64
import contextlib
import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from tests.fakes.stand_in import Server

HOP_BY_HOP = {"proxy-authorization", "proxy-connection", "connection", "host", "content-length"}


class WebProxy:
    """Use as a context manager. With `credentials` it asks for them with a 407, as long as they do not come.

    `received` holds (method, target, Proxy-Authorization header or None) of each request; `peers` the local ports from
    which it called servers.
    """

    def __init__(self, credentials=None):
        self.credentials, self.received, self.peers = credentials, [], set()
        self.server = Server(("127.0.0.1", 0), type("Bound", (Forwarding,), {"proxy": self}))
        self.port = self.server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()

    def lets_in(self, authorization):
        if self.credentials is None:
            return True
        pair = base64.b64encode(":".join(self.credentials).encode()).decode()
        return authorization == f"Basic {pair}"


class Forwarding(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy = None

    def may_pass(self):
        authorization = self.headers.get("Proxy-Authorization")
        self.proxy.received.append((self.command, self.path, authorization))
        if self.proxy.lets_in(authorization):
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.may_pass():
            return
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.connect()
        self.proxy.peers.add(connection.sock.getsockname()[1])
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        connection.request(self.command, parts.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_POST  # noqa: N815 - the base class's name

    def do_CONNECT(self):
        if not self.may_pass():
            return
        host, _colon, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as far:
            self.proxy.peers.add(far.getsockname()[1])
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=pump, args=(far, self.connection), daemon=True)
            back.start()
            pump(self.connection, far)
            back.join(10)
        self.close_connection = True

    def log_message(self, *arguments):
        pass


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
