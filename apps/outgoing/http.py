"""Outgoing HTTP by libcurl: what a request and an answer are, and sending one on the calling thread.

Never follows a redirect, never reads proxy settings from the process environment, always has time-outs. Many requests
at once: `apps.outgoing.multiplex`.
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

# Nobody's answer to us is longer than this; the rest is not read.
MAX_RESPONSE_BYTES = 64 * 1024
# Below the time-outs of requests, so that the next one does not go out on a connection that is dead.
UNACKNOWLEDGED_MILLISECONDS = 8000
_local = threading.local()


@dataclass(frozen=True)
class Proxy:
    """An outgoing HTTP proxy. Credentials go out at once when `preemptive`, else only after it asked with a 407."""

    url: str
    username: str = ""
    password: str = ""
    preemptive: bool = False


@dataclass(frozen=True)
class Request:
    """HTTP request to send.

    `connect_to` is an IP address to connect to instead of resolving the host; TLS and the Host header keep the name.

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
    credentials: tuple[str, str] | None = None
    proxy: Proxy | None = None
    never_retry: bool = False
    ca_file: str = ""
    client_certificate: str = ""
    pool: str = ""


@dataclass(frozen=True)
class Response:
    """`headers` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoResponse(Exception):
    """The other side gave no HTTP answer.

    `may_have_arrived` is false only when the request surely did not leave: no connection, or TLS refused.
    """

    def __init__(self, reason: str, *, may_have_arrived: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_have_arrived = may_have_arrived


@cache
def _certificate_directory() -> str:
    return "/etc/ssl/certs" if os.path.isdir("/etc/ssl/certs") else ""


def _handle() -> pycurl.Curl:
    """Return this thread's handle, with the options of the last request taken off and its connections kept."""
    if not hasattr(_local, "curl"):
        _local.curl = pycurl.Curl()
    curl: pycurl.Curl = _local.curl
    curl.reset()
    return curl


class Exchange:
    """One request on a handle: sets the handle up, collects what libcurl hands over, and says what it came to."""

    def __init__(self, curl: pycurl.Curl, request: Request) -> None:
        self._curl = curl
        self._request = request
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._full = False
        _configure(curl, request)
        curl.setopt(pycurl.HEADERFUNCTION, self._header)
        curl.setopt(pycurl.WRITEFUNCTION, self._write)

    def _header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self._headers[name.strip().lower()] = value.strip()
        elif name.startswith("HTTP/"):
            # A new status line: what came before belonged to an interim or a proxy's answer.
            self._headers.clear()

    def _write(self, data: bytes) -> int:
        room = MAX_RESPONSE_BYTES - len(self._body)
        self._body += data[:room]
        self._full = len(data) > room
        return -1 if self._full else len(data)

    def result(self, number: int = pycurl.E_OK, text: str = "") -> "Response | NoResponse":
        """Return the answer, or why there is none, from libcurl's error (E_OK: none)."""
        if number != pycurl.E_OK and not (self._full and number == pycurl.E_WRITE_ERROR):
            # libcurl's own words name hosts and times but nothing that was sent.
            reason = text or f"curl error {number}"
            return NoResponse(reason, may_have_arrived=bool(self._curl.getinfo(pycurl.REQUEST_SIZE)))
        status = int(self._curl.getinfo(pycurl.RESPONSE_CODE))
        if status == 407 and self._request.proxy:
            return NoResponse("the proxy refuses the credentials, or wants some (HTTP 407)", may_have_arrived=False)
        return Response(status, self._headers, bytes(self._body))


def send(request: Request) -> Response:
    """Send a request and wait for its answer; NoResponse when none came."""
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
    """Connect to where a request would go (TLS and a tunnel through the proxy included) and send nothing of it.

    NoResponse when that fails. Of a request to an http address through a proxy, only the proxy is reached.
    """
    curl = pycurl.Curl()
    _configure(curl, request)
    curl.setopt(pycurl.CONNECT_ONLY, 1)
    try:
        curl.perform()
    except pycurl.error as error:
        raise NoResponse(str(error.args[-1]), may_have_arrived=False) from None
    finally:
        curl.close()


def _configure(curl: pycurl.Curl, request: Request) -> None:
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.body or request.method in ("POST", "PUT"):
        curl.setopt(pycurl.POSTFIELDS, request.body)
    curl.setopt(pycurl.HTTPHEADER, _header_lines({"Expect": "", "User-Agent": "Countersign", **request.headers}))
    curl.setopt(pycurl.NOSIGNAL, 1)
    # Empty is not unset: libcurl would look into the environment for the proxy, and for hosts to reach past it.
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
    # A path of dots leads nowhere else: it may come from a device.
    curl.setopt(pycurl.PATH_AS_IS, 1)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(request.connect_timeout_seconds * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, int(request.timeout_seconds * 1000))
    curl.setopt(pycurl.SOCKOPTFUNCTION, _watch)
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
    """Write headers as libcurl takes them; ValueError for a line break, which would smuggle in another header."""
    lines = [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header with a line break")
    return lines


def _watch(descriptor: int, _purpose: int) -> int:
    """Let the system give a connection up when the other side acknowledges nothing: it may be long gone."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        with contextlib.suppress(OSError), socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as watched:
            watched.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLISECONDS)
    return int(pycurl.SOCKOPT_OK)


def _connect_to(request: Request) -> str:
    """Pin the connection. Connections are only shared between requests that are pinned to the same address."""
    address = f"[{request.connect_to}]" if ip_address(request.connect_to).version == 6 else request.connect_to
    return f"::{address}:{port(request.url)}"


def port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
