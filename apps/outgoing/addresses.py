"""IP addresses that a request to a URL of another party may connect to.

Portals choose the URLs of callbacks and devices those of Web Push. They must not reach the internal network.
"""

import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from apps.outgoing.errors import NetworkErrorKind
from apps.outgoing.http import port

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
LOOKUP_TIMEOUT_SECONDS = 3.0
# The system's resolver has no timeout: lookups run in threads, and a lookup that does not end in time is abandoned.
_executor = ThreadPoolExecutor(64, thread_name_prefix="look-up")
_pending_lookups: dict[tuple[str, int], Future[Any]] = {}
_lock = threading.Lock()


class AddressRejected(Exception):
    """Host that cannot be resolved, or that has an address that is not public.

    The reason is stored in English and translated when it is shown.
    """

    def __init__(self, reason: str, kind: NetworkErrorKind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def resolve(url: str) -> list[str]:
    """Resolve the host and return its first address of each family, in the resolver's order.

    Raises AddressRejected if the host cannot be resolved or if any of its addresses is not public.
    """
    return _addresses(_start_lookup(*host_of(url)), LOOKUP_TIMEOUT_SECONDS)


def resolve_all(urls: Iterable[str]) -> dict[tuple[str, int], list[str] | AddressRejected]:
    """Resolve the hosts of URLs in parallel, within the timeout of one lookup. Returns addresses or rejections."""
    lookups = {host: _start_lookup(*host) for host in dict.fromkeys(map(host_of, urls))}
    ends_at = time.monotonic() + LOOKUP_TIMEOUT_SECONDS
    resolved: dict[tuple[str, int], list[str] | AddressRejected] = {}
    for host, lookup in lookups.items():
        try:
            resolved[host] = _addresses(lookup, ends_at - time.monotonic())
        except AddressRejected as error:
            resolved[host] = error
    return resolved


def host_of(url: str) -> tuple[str, int]:
    """Return host and port of a URL. User names in the URL make no difference."""
    return urlsplit(url).hostname or "", port(url)


def _addresses(lookup: "Future[Any]", timeout_seconds: float) -> list[str]:
    try:
        entries = lookup.result(max(timeout_seconds, 0))
    except TimeoutError:
        reason = gettext_noop("the host name was not resolved in time")
        raise AddressRejected(reason, NetworkErrorKind.NAME_NOT_FOUND) from None
    except (OSError, UnicodeError):
        reason = gettext_noop("the host name cannot be resolved")
        raise AddressRejected(reason, NetworkErrorKind.NAME_NOT_FOUND) from None
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]
    if not settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES and not all(is_public(address) for address in addresses):
        reason = gettext_noop("the host name resolves to an address that is not public")
        raise AddressRejected(reason, NetworkErrorKind.ADDRESS_NOT_PUBLIC)
    by_family = {address.version: str(address) for address in reversed(addresses)}
    return [by_family[version] for version in dict.fromkeys(address.version for address in addresses)]


def _start_lookup(host: str, port_number: int) -> Future[Any]:
    """Start a lookup or join the pending one, so that a slow name server occupies only one thread per host."""
    key = (host, port_number)
    with _lock:
        if key not in _pending_lookups or _pending_lookups[key].done():
            for ended in [other for other, lookup in _pending_lookups.items() if lookup.done()]:
                del _pending_lookups[ended]
            _pending_lookups[key] = _executor.submit(socket.getaddrinfo, host, port_number, type=socket.SOCK_STREAM)
        return _pending_lookups[key]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return True if an address is on the public internet. An IPv4 address embedded in IPv6 is checked itself.

    The lists of Python differ between its versions and omit reserved ranges of IPv6.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    embedded = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        embedded = IPv4Address(address.packed[-4:])
    if embedded is not None:
        return is_public(embedded)
    return address in GLOBAL_UNICAST and address.is_global and address.teredo is None
