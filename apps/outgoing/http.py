"""Outgoing HTTP requests with libcurl, sent on the calling thread. For concurrent requests, see `multiplex`.

All requests have timeouts. Redirects are not followed, and proxy settings of the process environment are ignored.
"""

import contextlib
import os
import socket
import threading
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import pycurl

from apps.outgoing import errors
from apps.outgoing.errors import NetworkErrorKind
from apps.outgoing.proxy import Proxy

# Longer response bodies are truncated.
MAX_RESPONSE_BYTES = 64 * 1024
# Shorter than the timeouts of requests, so that the next request does not use a broken connection.
UNACKNOWLEDGED_TIMEOUT_MILLISECONDS = 8000
_local = threading.local()


@dataclass(frozen=True)
class Request:
    """HTTP request to send.

    `connect_to` is an IP address to connect to instead of resolving the host; TLS and the Host header keep the name.

    `public_only` marks the URL of another party: `checked` resolves its host and connects to a checked address.

    `credentials` are sent as HTTP Basic with the first request. libcurl repeats a request if a reused connection breaks
    before the response; with `never_retry` the request uses a new connection and is never repeated.

    `ca_file` names certificates (PEM) to trust instead of those of the system. `client_certificate` is a certificate
    with its chain and key (PEM). Concurrent requests share connections only if they have the same `pool`.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    connect_timeout_seconds: float = 5
    timeout_seconds: float = 10
    connect_to: str = ""
    public_only: bool = False
    credentials: tuple[str, str] | None = None
    proxy: Proxy | None = None
    never_retry: bool = False
    ca_file: str = ""
    client_certificate: str = ""
    pool: str = ""


@dataclass(frozen=True)
class Response:
    """HTTP response. The names of `headers` are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoResponse(Exception):
    """No HTTP response was received, because of a network error of a `kind`.

    `may_have_arrived` is False only if the request was certainly not sent: no connection, or a failed TLS handshake.
    """

    def __init__(self, reason: str, kind: NetworkErrorKind = NetworkErrorKind.OTHER, *, may_have_arrived: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.may_have_arrived = may_have_arrived


@cache
def _certificate_directory() -> str:
    return "/etc/ssl/certs" if os.path.isdir("/etc/ssl/certs") else ""


def _handle() -> pycurl.Curl:
    """Return the handle of this thread, without the options of the last request but with its open connections."""
    if not hasattr(_local, "curl"):
        _local.curl = pycurl.Curl()
    curl: pycurl.Curl = _local.curl
    curl.reset()
    return curl


class Exchange:
    """Transfer of one request on a handle: configures the handle and collects the response."""

    def __init__(self, curl: pycurl.Curl, request: Request) -> None:
        self._curl = curl
        self._request = request
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._is_truncated = False
        _configure(curl, request)
        curl.setopt(pycurl.HEADERFUNCTION, self._add_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._add_body)

    def _add_header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self._headers[name.strip().lower()] = value.strip()
        elif name.startswith("HTTP/"):
            # A new status line: previous headers belong to an interim response or to the response of a proxy.
            self._headers.clear()

    def _add_body(self, data: bytes) -> int:
        room = MAX_RESPONSE_BYTES - len(self._body)
        self._body += data[:room]
        self._is_truncated = len(data) > room
        return -1 if self._is_truncated else len(data)

    def result(self, number: int = pycurl.E_OK, text: str = "") -> "Response | NoResponse":
        """Return the response, or NoResponse with the reason from libcurl's error (E_OK: no error)."""
        if number != pycurl.E_OK and not (self._is_truncated and number == pycurl.E_WRITE_ERROR):
            # Error messages of libcurl contain hosts and times but no content of the request.
            reason = text or f"curl error {number}"
            kind = _classify(self._curl, self._request, number)
            return NoResponse(reason, kind, may_have_arrived=bool(self._curl.getinfo(pycurl.REQUEST_SIZE)))
        status = int(self._curl.getinfo(pycurl.RESPONSE_CODE))
        if status == 407 and self._request.proxy:
            reason = "the proxy requires valid credentials (HTTP 407)"
            return NoResponse(reason, NetworkErrorKind.PROXY_CREDENTIALS, may_have_arrived=False)
        return Response(status, self._headers, bytes(self._body))


def _classify(curl: pycurl.Curl, request: Request, number: int) -> NetworkErrorKind:
    return errors.classify(
        curl, number, has_proxy=bool(request.proxy), has_client_certificate=bool(request.client_certificate)
    )


def send(request: Request) -> Response:
    """Send a request and return its response. Raises NoResponse if none is received."""
    curl = _handle()
    exchange = Exchange(curl, request)
    try:
        curl.perform()
    except pycurl.error as error:
        result = exchange.result(error.args[0], str(error.args[1]) if len(error.args) > 1 else "")
    else:
        result = exchange.result()
    if isinstance(result, NoResponse):
        raise result
    return result


def check_connectivity(request: Request) -> None:
    """Connect to the server of a request, including TLS and the tunnel through a proxy, without sending the request.

    Raises NoResponse if that fails. For an HTTP URL behind a proxy, only the connection to the proxy is checked.
    """
    curl = pycurl.Curl()
    _configure(curl, request)
    curl.setopt(pycurl.CONNECT_ONLY, 1)
    try:
        curl.perform()
    except pycurl.error as error:
        kind = _classify(curl, request, error.args[0])
        raise NoResponse(str(error.args[-1]), kind, may_have_arrived=False) from None
    finally:
        curl.close()


def _configure(curl: pycurl.Curl, request: Request) -> None:
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.body or request.method in ("POST", "PUT"):
        curl.setopt(pycurl.POSTFIELDS, request.body)
    curl.setopt(pycurl.HTTPHEADER, _header_lines({"Expect": "", "User-Agent": "Countersign", **request.headers}))
    curl.setopt(pycurl.NOSIGNAL, 1)
    # Set even if empty: otherwise libcurl reads the proxy and its exceptions from the environment.
    curl.setopt(pycurl.PROXY, request.proxy.url if request.proxy else "")
    curl.setopt(pycurl.NOPROXY, "")
    if request.proxy and request.proxy.username:
        curl.setopt(pycurl.PROXYUSERNAME, request.proxy.username)
        curl.setopt(pycurl.PROXYPASSWORD, request.proxy.password)
        curl.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC if request.proxy.preemptive else pycurl.HTTPAUTH_ANY)
    if request.credentials:
        curl.setopt(pycurl.USERNAME, request.credentials[0])
        curl.setopt(pycurl.PASSWORD, request.credentials[1])
        curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
    curl.setopt(pycurl.FRESH_CONNECT, request.never_retry)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    # Dot segments are not resolved: parts of the path can come from a device.
    curl.setopt(pycurl.PATH_AS_IS, 1)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(request.connect_timeout_seconds * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, int(request.timeout_seconds * 1000))
    curl.setopt(pycurl.SOCKOPTFUNCTION, _set_user_timeout)
    if request.ca_file:
        curl.setopt(pycurl.CAINFO, request.ca_file)
    elif _certificate_directory():
        curl.setopt(pycurl.CAPATH, _certificate_directory())
    if request.client_certificate:
        curl.setopt(pycurl.SSLCERT_BLOB, request.client_certificate)
        curl.setopt(pycurl.SSLKEY_BLOB, request.client_certificate)
    if request.connect_to:
        curl.setopt(pycurl.CONNECT_TO, [_connect_to(request)])


def _header_lines(headers: dict[str, str]) -> list[str]:
    """Return headers in the form of libcurl. Raises ValueError for a line break, which would inject another header."""
    lines = [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header with a line break")
    return lines


def _set_user_timeout(descriptor: int, _purpose: int) -> int:
    """Set the timeout after which the system closes a connection whose data is not acknowledged."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        with contextlib.suppress(OSError), socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_TIMEOUT_MILLISECONDS)
    return int(pycurl.SOCKOPT_OK)


def _connect_to(request: Request) -> str:
    """Return the option CONNECT_TO for a pinned address. Only requests with the same address share connections."""
    address = f"[{request.connect_to}]" if ip_address(request.connect_to).version == 6 else request.connect_to
    return f"::{address}:{port(request.url)}"


def port(url: str) -> int:
    """Return the port of a URL, by default that of its scheme."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
