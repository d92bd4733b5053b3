"""TLS connections to Redis verify its certificate."""

import ssl
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from config.settings import service_urls
from tests.fakes.apns_certificates import Authority


class FakeRedis(StreamRequestHandler):
    """Redis that answers every command with an error, after the TLS handshake."""

    def handle(self):
        while self.rfile.readline():
            self.wfile.write(b"-ERR of the fake\r\n")


class TlsServer(ThreadingTCPServer):
    daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        """Ignore clients that close the connection in the handshake."""


@pytest.fixture
def server(tmp_path):
    """Redis with a certificate of an authority that only `ca.pem` contains."""
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    (tmp_path / "server.pem").write_text(authority.server())
    server = TlsServer(("127.0.0.1", 0), FakeRedis)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(tmp_path / "server.pem")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"rediss://localhost:{server.server_address[1]}/0"
    server.shutdown()
    server.server_close()


def connect(url):
    connection = Connection(url, ssl=service_urls.broker_tls(url), connect_timeout=5)
    connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)


def test_certificate_of_redis_is_verified(server, tmp_path):
    with pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"):
        connect(server)
    for trusted in (f"ssl_ca_certs={tmp_path}/ca.pem", "ssl_cert_reqs=none"):
        with pytest.raises(OperationalError, match="of the fake"):
            connect(f"{server}?{trusted}")


def test_plain_connection_to_redis_has_no_tls_options():
    assert service_urls.broker_tls("redis://localhost:6379/0") is None
