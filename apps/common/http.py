"""Outgoing HTTP: one request at a time on the calling thread's own libcurl handle, connections kept between requests.

Never follows a redirect, never reads proxy settings from the process environment, always has time-outs.
"""

import os
import threading
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import pycurl

# Nobody's answer to us is longer than this; the rest is not read.
MAX_ANSWER_BYTES = 64 * 1024
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
    """`address`: connect there instead of looking the host up (the name stays in TLS and in the Host header).

    `credentials` are for HTTP Basic and sent at once. `once`: libcurl repeats a request by itself when a connection
    that it kept breaks before the answer; with this it takes a new connection and never repeats.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    connect_timeout_seconds: float = 5
    timeout_seconds: float = 10
    address: str = ""
    credentials: tuple[str, str] | None = None
    proxy: Proxy | None = None
    once: bool = False


@dataclass(frozen=True)
class Response:
    """`headers` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes


class NoAnswer(Exception):
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


class _Answer:
    """Collects what libcurl hands over."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.full = False

    def header(self, line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            self.headers[name.strip().lower()] = value.strip()
        elif name.startswith("HTTP/"):
            # A new status line: what came before belonged to an interim or a proxy's answer.
            self.headers.clear()

    def write(self, data: bytes) -> int:
        room = MAX_ANSWER_BYTES - len(self.body)
        self.body += data[:room]
        self.full = len(data) > room
        return -1 if self.full else len(data)


def send(request: Request) -> Response:
    """Send a request and wait for its answer; NoAnswer when none came."""
    curl, answer = _handle(), _Answer()
    _configure(curl, request, answer)
    try:
        curl.perform()
    except pycurl.error as error:
        if not (answer.full and error.args[0] == pycurl.E_WRITE_ERROR):
            raise NoAnswer(pycurl_reason(error), may_have_arrived=bool(curl.getinfo(pycurl.REQUEST_SIZE))) from None
    return Response(int(curl.getinfo(pycurl.RESPONSE_CODE)), answer.headers, bytes(answer.body))


def send_to(request: Request, addresses: list[str]) -> Response:
    """Send to the first of the addresses that can be connected to; NoAnswer of the last one when none can."""
    *others, last = addresses
    for address in others:
        try:
            return send(replace(request, address=address))
        except NoAnswer as error:
            if error.may_have_arrived:
                raise
    return send(replace(request, address=last))


def pycurl_reason(error: pycurl.error) -> str:
    """Return libcurl's own words, which name hosts and times but nothing that was sent."""
    number, text = error.args[0], str(error.args[1]) if len(error.args) > 1 else ""
    return text or f"curl error {number}"


def _configure(curl: pycurl.Curl, request: Request, answer: _Answer) -> None:
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.CUSTOMREQUEST, request.method)
    if request.body or request.method in ("POST", "PUT"):
        curl.setopt(pycurl.POSTFIELDS, request.body)
    headers = {"Expect": "", "User-Agent": "Countersign", **request.headers}
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()])
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROXY, request.proxy.url if request.proxy else "")
    if request.proxy and request.proxy.username:
        curl.setopt(pycurl.PROXYUSERNAME, request.proxy.username)
        curl.setopt(pycurl.PROXYPASSWORD, request.proxy.password)
        curl.setopt(pycurl.PROXYAUTH, pycurl.HTTPAUTH_BASIC if request.proxy.preemptive else pycurl.HTTPAUTH_ANY)
    if request.credentials:
        curl.setopt(pycurl.USERNAME, request.credentials[0])
        curl.setopt(pycurl.PASSWORD, request.credentials[1])
        curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
    curl.setopt(pycurl.FRESH_CONNECT, request.once)
    curl.setopt(pycurl.FOLLOWLOCATION, 0)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(request.connect_timeout_seconds * 1000))
    curl.setopt(pycurl.TIMEOUT_MS, int(request.timeout_seconds * 1000))
    curl.setopt(pycurl.HEADERFUNCTION, answer.header)
    curl.setopt(pycurl.WRITEFUNCTION, answer.write)
    if _certificate_directory():
        curl.setopt(pycurl.CAPATH, _certificate_directory())
    if request.address:
        curl.setopt(pycurl.CONNECT_TO, [_connect_to(request)])


def _connect_to(request: Request) -> str:
    """Pin the connection. Connections are only shared between requests that are pinned to the same address."""
    address = f"[{request.address}]" if ip_address(request.address).version == 6 else request.address
    return f"::{address}:{port(request.url)}"


def port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)
