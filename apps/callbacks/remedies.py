"""From why a callback failed to what mends it; the reasons are libcurl's and our own."""

import re
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_UNREADABLE = _(
    "The endpoint's password or signing secret in the database cannot be read. Give the process the key that it was "
    "stored under (FIELD_ENCRYPTION_KEYS), or enter it again."
)
_NAME = _("The name of the host cannot be looked up. See this server's DNS, and whether the address is spelled right.")
_PRIVATE = _(
    "The host is in a private network, which callbacks do not reach. When the portal really is there, set "
    "CALLBACKS_ALLOW_PRIVATE_ADDRESSES for the worker and web processes and restart them."
)
_SLOW = _(
    "There was no answer in time: a portal has 5 seconds to take the connection and 10 seconds to answer. See whether "
    "a firewall drops the connection; let the portal answer first and work afterwards."
)
_TLS = _(
    "No encrypted connection came about. See whether the portal speaks TLS at this port, and its certificate is "
    "valid for this host and comes with its chain; when it is of an authority of your own, add that to the system's "
    "certificates on this server."
)
_CONNECTION = _(
    "The host takes no connection at this port. See that the portal is up, and that a firewall lets this server out "
    "to it."
)
_BROKEN = _(
    "The portal, or something before it, broke the connection off without an answer. Its log says why; see also "
    "whether the address should begin with https."
)
_REDIRECT = _(
    "Redirects are not followed. Let portals name the address that the redirect leads to, and enter it here; often it "
    "lacks https or a slash at the end."
)
_CREDENTIALS = _(
    "The portal does not accept the credentials. Compare user name and password of the callback endpoint with the "
    "portal's; without an endpoint of exactly this address, none are sent. When the portal verifies signatures, "
    "compare the signing secret too."
)
_ADDRESS = _(
    "The portal has nothing at this address. Compare the address with the portal's, to the last character. A portal "
    "that answers 404 for a transaction that it does not know answers so to a test as well."
)
_METHOD = _("The portal takes no POST at this address. Compare the address with the portal's.")
_GONE = _(
    "The portal says that this address is gone for good, so that a callback is not tried again. Let portals name "
    "another one; what failed can be sent again afterwards."
)
_TOO_MANY = _("The portal finds that too much is sent, and is asked again later. If it lasts, let it take more.")
_PORTAL_FAULT = _("The portal has a fault of its own. Its log says what; a callback is tried again.")
_REFUSED = _(
    "The portal refuses the callback itself. Its log says why; it is a POST of JSON with the members callback_uri and "
    "transaction_id."
)
_UNKNOWN = _("Compare the address with the portal's, and see the portal's log.")

# The first line whose pattern is found in a reason holds.
TABLE: list[tuple[str, "StrPromise"]] = [
    (r"FIELD_ENCRYPTION_KEYS", _UNREADABLE),
    (r"host name (cannot be|was not) resolved", _NAME),
    (r"address that is not public", _PRIVATE),
    (r"timed out|[Tt]imeout", _SLOW),
    (r"certificate|SSL|TLS|alert", _TLS),
    (r"[Ff]ailed to connect|not connect|[Cc]onnection refused", _CONNECTION),
    (r"reset|[Ee]mpty reply|closed|HTTP/0\.9|[Rr]ecv failure|[Ss]end failure", _BROKEN),
    (r"^HTTP 3\d\d", _REDIRECT),
    (r"^HTTP 40[13]$", _CREDENTIALS),
    (r"^HTTP 404$", _ADDRESS),
    (r"^HTTP 405$", _METHOD),
    (r"^HTTP 410$", _GONE),
    (r"^HTTP 429$", _TOO_MANY),
    (r"^HTTP 4\d\d", _REFUSED),
    (r"^HTTP 5\d\d", _PORTAL_FAULT),
]
_PATTERNS = [(re.compile(pattern), text) for pattern, text in TABLE]


def translate_reason(reason: str) -> str:
    """Return a reason as the console shows it: our own have translations, libcurl's are shown as they are."""
    return gettext(reason)


def remedy_for(reason: str) -> str:
    """Say in a sentence or two how to mend what a callback failed for."""
    return str(next((text for pattern, text in _PATTERNS if pattern.search(reason)), _UNKNOWN))
