"""Slow and silent clients occupy no threads and are disconnected after a timeout."""

import pytest

from config.server.application import THREADS
from tests.server.conftest import read_all

SLOW_POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nabc"


def test_incomplete_bodies_occupy_no_thread(server):
    connections = [server.connect() for _number in range(3 * THREADS)]
    for context in connections:
        context.thing.sendall(SLOW_POST)
    assert server.get("/")[0] == 200
    for context in connections:
        context.thing.sendall(b"defghij")
        assert b"abcdefghij" in read_all(context.thing)
        context.thing.close()


@pytest.mark.parametrize(
    ("phase", "sent", "expected"),
    [
        ("head", b"", b""),
        ("head", b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 Request Timeout\r\n"),
        ("body", SLOW_POST, b"HTTP/1.1 408 Request Timeout\r\n"),
        ("idle", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n"),
    ],
)
def test_connection_is_closed_after_its_timeout(server, timeouts, phase, sent, expected):
    timeouts(**{phase: 0.2})
    assert server.exchange(sent).startswith(expected)


def test_second_request_has_the_same_timeouts(server, timeouts):
    timeouts(head=0.2)
    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"GET / HTTP/1.1\r\n")
        assert b"408 Request Timeout" in read_all(connection)


def test_empty_lines_do_not_extend_the_timeout(server, timeouts):
    timeouts(head=0.3)
    with server.connect() as connection:
        connection.settimeout(0.02)
        assert any(is_closed(connection) for _number in range(1000))


def is_closed(connection):
    """Send an empty line; return True if the server has closed the connection."""
    try:
        connection.sendall(b"\r\n")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_client_that_does_not_read_is_disconnected(server, timeouts):
    timeouts(respond=0.3)
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.wsgi.is_closed.wait(20)
        assert len(read_all(connection)) < 64 * 1024 * 1024


def test_client_disconnect_is_not_logged_as_error(server, caplog):
    with server.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.wsgi.is_waiting.wait(20)
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1)
    server.wsgi.is_released.set()
    assert server.wsgi.is_closed.wait(20)
    assert server.get()[0] == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_running_request_has_no_timeout(server, timeouts):
    timeouts(idle=0.1, head=0.1, body=0.1, respond=0.1)
    with server.connect() as connection:
        connection.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert server.wsgi.is_waiting.wait(20)
        # The timeout of another connection passes meanwhile.
        assert server.exchange(b"") == b""
        server.wsgi.is_released.set()
        assert b"200 OK" in read_all(connection)
