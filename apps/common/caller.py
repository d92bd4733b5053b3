"""Caller of the current request: its IP address and user agent, for the log, events and allow lists."""

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
    """IP address and user agent of a client. Both are empty outside a request, as in workers and commands."""

    ip: str = ""
    user_agent: str = ""


_caller: ContextVar[Caller] = ContextVar("caller", default=Caller())  # noqa: B039 - frozen


def current() -> Caller:
    """Return the caller of the request that this thread serves."""
    return _caller.get()


class CallerMiddleware:
    """Middleware that sets the caller and a request id, and returns the id in the header X-Request-Id."""

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
    """Return the IP address of the caller, or an empty string if it has none (a Unix socket).

    `X-Forwarded-For` is read from the right, as far as trusted proxies have written it. The caller is the first address
    that is not in TRUSTED_PROXIES.
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
    """Return True if the text is an IP address. Addresses with a zone (`%eth0`) are valid on one host only."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_in_networks(address: str, networks: list[str]) -> bool:
    """Return True if the address is in one of the networks. A single address counts as a network."""
    if not is_address(address):
        return False
    parsed = ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in ip_network(network, strict=False) for network in networks)


def client_network(address: str) -> str:
    """Return the network of one client: an IPv4 address, or the /64 of an IPv6 address; empty if it is invalid."""
    if not is_address(address):
        return ""
    parsed = ip_address(address)
    if mapped := getattr(parsed, "ipv4_mapped", None):
        return str(mapped)
    return str(ip_network((address, 64), strict=False)) if parsed.version == 6 else address
