"""Where a callback may connect to. A portal's URL is somebody's input: it must not reach into our own network."""

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from apps.outgoing.http import port

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
LOOKUP_TIMEOUT_SECONDS = 3.0
# The system's look-up cannot be told how long it may take: it runs beside us, and one that hangs is left to itself.
_executor = ThreadPoolExecutor(64, thread_name_prefix="look-up")
_pending_lookups: dict[tuple[str, int], Future[Any]] = {}
_lock = threading.Lock()


class AddressRejected(Exception):
    """The name leads nowhere, or to an address that is not public. The reason is stored; who shows it translates it."""


def resolve(url: str) -> list[str]:
    """Look the host up and return what to connect to: its first address of each family, in the resolver's order.

    Every address that it resolves to must be public.
    """
    try:
        entries = _start_lookup(urlsplit(url).hostname or "", port(url)).result(LOOKUP_TIMEOUT_SECONDS)
    except TimeoutError:
        raise AddressRejected(gettext_noop("the host name was not resolved in time")) from None
    except (OSError, UnicodeError):
        raise AddressRejected(gettext_noop("the host name cannot be resolved")) from None
    addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]
    if not settings.CALLBACKS_ALLOW_PRIVATE_ADDRESSES and not all(is_public(address) for address in addresses):
        raise AddressRejected(gettext_noop("the host name resolves to an address that is not public"))
    by_family = {address.version: str(address) for address in reversed(addresses)}
    return [by_family[version] for version in dict.fromkeys(address.version for address in addresses)]


def _start_lookup(host: str, port_number: int) -> Future[Any]:
    """Begin a look-up, or join the one that is under way: a name server that hangs holds one thread a host, not all."""
    key = (host, port_number)
    with _lock:
        if key not in _pending_lookups or _pending_lookups[key].done():
            for ended in [other for other, lookup in _pending_lookups.items() if lookup.done()]:
                del _pending_lookups[ended]
            _pending_lookups[key] = _executor.submit(socket.getaddrinfo, host, port_number, type=socket.SOCK_STREAM)
        return _pending_lookups[key]


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is on the public internet; an IPv4 address that is wrapped in IPv6 is judged itself.

    Python's own lists differ between its versions, and leave out ranges of IPv6 that nobody may use.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast
    embedded = address.ipv4_mapped or address.sixtofour
    if address in NAT64:
        embedded = IPv4Address(address.packed[-4:])
    if embedded is not None:
        return is_public(embedded)
    return address in GLOBAL_UNICAST and address.is_global and address.teredo is None
