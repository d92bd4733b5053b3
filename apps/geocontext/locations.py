"""Locations of IP addresses, and failures to find them."""

import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address

MAX_VALUE_CHARACTERS = 1024
# Addresses for documentation (RFC 5737, RFC 3849), used in examples and tests. The service may be called for them.
DOCUMENTATION_NETWORKS = [
    ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
# Unicode categories: control, format (which holds the bidirectional overrides), surrogates, line separators.
REMOVED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = {"\u200d", "\u200c"}  # required by some scripts


@dataclass(frozen=True)
class Location:
    """Location of an address. `country_code` is always set; region and city can be empty."""

    country_code: str
    region: str = ""
    city: str = ""


@dataclass(frozen=True)
class Failure:
    """Reason why there is no location. The text contains no address and no secret."""

    reason: str


def parse(text: str) -> Address | Failure:
    """Parse an address. An IPv4-mapped IPv6 address is returned as IPv4 address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return Failure(_("The IP address is malformed."))
    if isinstance(address, IPv6Address):
        # The text after a percent sign is a network interface, which is removed.
        address = address.ipv4_mapped or IPv6Address(int(address))
    return address


def is_private_or_reserved(address: Address) -> bool:
    """Return True if an address is private or reserved and therefore has no location."""
    return not address.is_global and not any(address in block for block in DOCUMENTATION_NETWORKS)


def private_address_failure() -> Failure:
    return Failure(_("The IP address is private or reserved."))


def clean(value: str) -> str:
    """Return a value for display in a message: one line, without characters that reorder or hide other text."""
    visible = (
        character
        for character in value[:MAX_VALUE_CHARACTERS]
        if character in JOINERS or unicodedata.category(character) not in REMOVED_CATEGORIES
    )
    return "".join(visible).strip()
