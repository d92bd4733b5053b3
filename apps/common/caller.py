"""Who is at the other end of the request that this thread serves: for the log, for events, for allow lists."""

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse


@dataclass(frozen=True)
class Caller:
    """Address and user agent; both empty outside a request (worker, commands)."""

    ip: str = ""
    user_agent: str = ""


_caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen


def current() -> Caller:
    return _caller.get()


class CallerMiddleware:
    """Notes the caller and a request id for everything that happens below, and answers with the id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        caller = Caller(client_ip(request), request.headers.get("User-Agent", "")[:1024])
        request_id = secrets.token_hex(8)
        token = _caller.set(caller)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            _caller.reset(token)
            structlog.contextvars.clear_contextvars()
        response["X-Request-Id"] = request_id
        return response


def client_ip(request: HttpRequest) -> str:
    """Return the caller's address; `X-Forwarded-For` counts only as far as it was written by trusted proxies.

    It is read from the right: the first address that is not a trusted proxy's is the caller. Empty when the other end
    has no address (a Unix socket).
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    while forwarded and is_in_networks(address, settings.TRUSTED_PROXIES):
        previous = forwarded.pop()
        if not is_address(previous):
            break
        address = previous
    return address if is_address(address) else ""


def is_address(text: str) -> bool:
    """Say whether this is an IP address; one with a zone (`%eth0`) means something on one machine only."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_in_networks(address: str, networks: list[str]) -> bool:
    """Say whether an address lies in one of the networks (single addresses count as networks)."""
    if not is_address(address):
        return False
    parsed = ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network, strict=False) for network in networks)


def client_network(address: str) -> str:
    """Return the network of one caller: an IPv4 address, or the /64 of an IPv6 address. Empty for no address."""
    if not is_address(address):
        return ""
    parsed = ip_address(address)
    if mapped := getattr(parsed, "ipv4_mapped", None):
        return str(mapped)
    return str(ip_network((address, 64), strict=False)) if parsed.version == 6 else address
