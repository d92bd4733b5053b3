"""Requests in the web server: WSGI variables, body and limits."""

import re
from http.client import HTTPConnection

import pytest

from tests.server.conftest import read_all


def test_header_with_underscore_is_dropped(server):
    status, variables = server.get(**{"X_Forwarded_For": "203.0.113.1", "X-Other": "kept", "Content_Length": "5"})
    assert status == 200
    assert "HTTP_X_FORWARDED_FOR" not in variables
    assert variables["HTTP_X_OTHER"] == "kept"
    assert variables["CONTENT_LENGTH"] == "0"


def test_header_with_underscore_does_not_change_the_real_header(server):
    _status, variables = server.get(**{"X-Forwarded-For": "203.0.113.1", "X_Forwarded_For": "127.0.0.1"})
    assert variables["HTTP_X_FORWARDED_FOR"] == "203.0.113.1"


def test_wsgi_variables_contain_the_request_target(server):
    _status, variables = server.get("/users/a%2Fb%20c/?q=%2F")
    assert variables["RAW_URI"] == "/users/a%2Fb%20c/?q=%2F"
    assert variables["PATH_INFO"] == "/users/a/b c/"
    assert variables["QUERY_STRING"] == "q=%2F"
    assert variables["REMOTE_ADDR"] == "127.0.0.1"
    assert variables["SERVER_PROTOCOL"] == "HTTP/1.1"


def test_repeated_headers_are_joined(server):
    request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nCookie: a=1\r\nCookie: b=2\r\nA: 1\r\nA: 2\r\n\r\n"
    response = server.exchange(request)
    assert b'"HTTP_COOKIE": "a=1; b=2"' in response
    assert b'"HTTP_A": "1,2"' in response


def test_chunked_body_has_a_content_length(server):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(
        "POST", "/", body=iter([b"ab", b"cde"]), headers={"Transfer-Encoding": "chunked"}, encode_chunked=True
    )
    text = connection.getresponse().read().decode()
    assert '"body": "abcde"' in text
    assert '"CONTENT_LENGTH": "5"' in text
    connection.close()


def test_connection_serves_pipelined_requests_in_order(server):
    first, last = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    response = server.exchange(first + last)
    assert re.findall(rb'"PATH_INFO": "(/\d)"', response) == [b"/1", b"/2"]


@pytest.mark.parametrize(
    "preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n"]
)
def test_other_protocols_are_rejected(server, preface):
    assert server.exchange(preface).startswith(b"HTTP/1.1 400 ")


def test_request_of_a_connection_that_is_new_at_a_stop_is_served(server):
    with server.connect() as connection, server.connect() as silent:
        server.get()
        server.stop()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        response = read_all(connection)
        assert response.startswith(b"HTTP/1.1 200")
        assert b"\r\nconnection: close\r\n" in response.lower()
        # Connections without a request are closed soon.
        assert read_all(silent) == b""


def test_long_head_is_rejected(server):
    line = b"X: " + b"x" * 1000 + b"\r\n"
    response = server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n" + line * 100)
    assert response.startswith(b"HTTP/1.1 431 ")
