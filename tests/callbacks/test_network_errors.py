"""Network errors of callbacks over real sockets: each has its kind and its remedy."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from apps.callbacks import remedies, transport
from apps.callbacks.errors import CallbackErrorKind
from apps.outgoing.errors import NetworkErrorKind
from tests.fakes.apns_certificates import Authority
from tests.fakes.portal import Portal
from tests.fakes.raw_portal import RawPortal
from tests.ports import free_port


def send(url, **options):
    request = transport.build_request(url, uuid4(), "msg_1", None, datetime.now(UTC))
    [[(_item, result)]] = transport.send_all([(None, replace(request, **options))])
    return result


@contextmanager
def tls_server(directory, certificate):
    """Run a TLS server that ends each connection after the handshake; yields its port."""
    file = directory / "server.pem"
    file.write_text(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            while True:
                connection, _address = listener.accept()
                with suppress(OSError), context.wrap_socket(connection, server_side=True):
                    pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        # Closing alone does not wake a thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def ca_file(authority, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text(authority.certificate)
    return str(file)


def assert_error(result, kind, remedy):
    assert (result.error_kind, result.status, result.delivered, result.final) == (kind, None, False, False)
    assert remedy in remedies.remedy_for(result.error_kind, result.status)


def test_connection_refused_has_its_kind_and_remedy():
    result = send(f"http://127.0.0.1:{free_port()}/")
    assert_error(result, NetworkErrorKind.CONNECTION_REFUSED, "does not accept connections at this port")


def test_response_timeout_has_its_kind_and_remedy():
    with Portal() as portal:
        portal.script["/"] = [{"delay": 30}]
        result = send(portal.url + "/", timeout_seconds=0.2)
    assert_error(result, NetworkErrorKind.TIMED_OUT, "did not respond in time")


def test_tls_handshake_timeout_has_its_kind_and_remedy():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = send(f"https://127.0.0.1:{silent.getsockname()[1]}/", timeout_seconds=0.2)
    assert_error(result, NetworkErrorKind.TIMED_OUT, "did not respond in time")


def test_untrusted_certificate_has_its_kind_and_remedy(authority, tmp_path):
    with tls_server(tmp_path, authority.server()) as port:
        result = send(f"https://localhost:{port}/")
    assert_error(result, NetworkErrorKind.TLS_UNTRUSTED, "certificate is not trusted")


def test_expired_certificate_has_its_kind_and_remedy(authority, ca_file, tmp_path):
    with tls_server(tmp_path, authority.server(days=-2)) as port:
        result = send(f"https://localhost:{port}/", ca_file=ca_file)
    assert_error(result, NetworkErrorKind.TLS_EXPIRED, "certificate has expired")


def test_certificate_for_another_host_has_its_kind_and_remedy(authority, ca_file, tmp_path):
    with tls_server(tmp_path, authority.server()) as port:
        result = send(f"https://127.0.0.1:{port}/", ca_file=ca_file)
    assert_error(result, NetworkErrorKind.TLS_WRONG_NAME, "certificate is for another host name")


def test_https_to_an_http_port_has_its_kind_and_remedy():
    with Portal() as portal:
        result = send(portal.url.replace("http:", "https:"))
    assert_error(result, NetworkErrorKind.TLS_FAILED, "TLS handshake failed")


def test_unknown_host_has_its_kind_and_remedy(monkeypatch):
    def fail(*_arguments, **_options):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    result = send("http://portal.example.com/")
    assert_error(result, NetworkErrorKind.NAME_NOT_FOUND, "host name cannot be resolved")


def test_private_address_has_its_kind_and_remedy(settings):
    settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES = False
    result = send("http://127.0.0.1:9/")
    assert_error(result, NetworkErrorKind.ADDRESS_NOT_PUBLIC, "set CALLBACKS_ALLOW_PRIVATE_ADDRESSES")


def test_connection_reset_has_its_kind_and_remedy():
    with Portal() as portal:
        portal.script["/"] = [{"reset": True}]
        result = send(portal.url + "/")
    assert_error(result, NetworkErrorKind.CONNECTION_RESET, "closed the connection without a response")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["none", "half"])
def test_closed_connection_has_its_kind_and_remedy(start):
    with RawPortal((start, RawPortal.CLOSE)) as portal:
        result = send(portal.url)
    assert_error(result, NetworkErrorKind.CONNECTION_CLOSED, "closed the connection without a response")


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 000 None\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n", RawPortal.CLOSE),
    ],
    ids=["SSH", "status 0", "two lengths", "invalid chunk"],
)
def test_invalid_http_has_its_kind_and_remedy(response):
    with RawPortal(response) as portal:
        result = send(portal.url)
    assert_error(result, NetworkErrorKind.NOT_HTTP, "not valid HTTP")


@pytest.mark.parametrize("kind", [*CallbackErrorKind, *NetworkErrorKind])
def test_stored_value_of_a_kind_has_the_remedy_of_the_kind(kind):
    assert remedies.remedy_for(kind.value, None) == remedies.remedy_for(kind, None) != ""


def test_failure_without_kind_or_status_has_a_general_remedy():
    assert "see the portal's log" in remedies.remedy_for("", None)
