"""Where an address is: what a lookup gives, and what keeps it from giving anything."""

import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address

MAX_VALUE_CHARACTERS = 1024
# Nobody has these (RFC 5737, RFC 3849): examples and tests do, and a service may be asked about them.
DOCUMENTATION_NETWORKS = [
    ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
# Unicode categories: control, format (which holds the bidirectional overrides), surrogates, line separators.
REMOVED_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = {"\u200d", "\u200c"}  # without which some scripts fall apart


@dataclass(frozen=True)
class Location:
    """`country_code` is there always, the names where they are known."""

    country_code: str
    region: str = ""
    city: str = ""


@dataclass(frozen=True)
class Failure:
    """Why there is no location, in words, without the address and without anything secret."""

    reason: str


def parse(text: str) -> Address | Failure:
    """Read an address; an IPv4 address that is written as an IPv6 one is the IPv4 address."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return Failure(_("The IP address is malformed."))
    if isinstance(address, IPv6Address):
        # What follows a percent sign names an interface of some machine.
        address = address.ipv4_mapped or IPv6Address(int(address))
    return address


def is_private_or_reserved(address: Address) -> bool:
    """Say whether an address is private or reserved: no one outside its network can know where it is."""
    return not address.is_global and not any(address in block for block in DOCUMENTATION_NETWORKS)


def private_address_failure() -> Failure:
    return Failure(_("The IP address is private or reserved."))


def clean(value: str) -> str:
    """Return a value as a message may show it: in one line, with nothing that moves or hides the text around it."""
    visible = (
        character
        for character in value[:MAX_VALUE_CHARACTERS]
        if character in JOINERS or unicodedata.category(character) not in REMOVED_CATEGORIES
    )
    return "".join(visible).strip()
