"""Limits of connections: the connection that has waited longest is closed."""

from tests.server.conftest import read_all

SLOW_POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"


def is_closed(connection):
    return read_all(connection) == b""


def test_connection_above_the_limit_closes_the_oldest(server, limits):
    limits(limit=3)
    with server.connect() as first, server.connect() as second, server.connect() as third:
        assert server.get()[0] == 200
        assert is_closed(first)
        second.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in second.recv(65_536)
        third.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in third.recv(65_536)


def test_limit_per_address_does_not_affect_other_addresses(server, limits):
    limits(limit_per_address=2)
    with server.connect("127.0.0.2") as other, server.connect() as first, server.connect():
        assert server.get()[0] == 200
        assert is_closed(first)
        other.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in read_all(other)


def test_trusted_proxy_has_no_limit_per_address(server, limits):
    limits(limit_per_address=1, proxies=["127.0.0.0/30"])
    with server.connect() as first, server.connect():
        assert server.get()[0] == 200
        first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"200 OK" in read_all(first)


def test_running_request_is_not_closed_at_a_limit(server, limits):
    limits(limit=1)
    with server.connect() as busy:
        busy.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert server.wsgi.is_waiting.wait(20)
        # Only the new connection waits, so it is the one that is closed.
        assert server.exchange(b"") == b""
        server.wsgi.is_released.set()
        assert b"200 OK" in read_all(busy)


def test_bodies_in_memory_are_limited(server, limits):
    table = limits(max_held_bytes=200_000)
    with server.connect() as first, server.connect() as second:
        first.sendall(SLOW_POST + b"a" * 90_000)
        second.sendall(SLOW_POST + b"a" * 90_000)
        assert server.get()[0] == 200
        with server.connect() as third:
            third.sendall(SLOW_POST + b"a" * 99_000)
            assert is_closed(first)
            third.sendall(b"a" * 1000)
            assert b"200 OK" in third.recv(65_536)
    assert len(table) <= 2


def test_responses_in_memory_are_limited(server, limits):
    limits(max_held_bytes=1_000_000)
    with server.connect() as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert server.wsgi.is_closed.wait(20)
        assert len(read_all(connection)) < 64 * 1024 * 1024


def test_closed_connections_are_removed_from_the_table(server, limits):
    table = limits(limit_per_address=2)
    for _number in range(10):
        assert server.get()[0] == 200
    server.wsgi.is_released.set()
    assert len(table) <= 1
