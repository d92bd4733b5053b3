"""Remedies for failed callbacks, by the kind of the error or by the HTTP status."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.callbacks import kinds
from apps.callbacks.errors import CallbackErrorKind
from apps.outgoing.errors import NetworkErrorKind

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_CANNOT_DECRYPT = _(
    "The stored password or signing secret of the endpoint cannot be decrypted. Add the key that it was encrypted with "
    "to FIELD_ENCRYPTION_KEYS, or enter the password or secret again."
)
_NAME_NOT_FOUND = _("The host name cannot be resolved. Check the DNS of this server and the spelling of the URL.")
_ADDRESS_NOT_PUBLIC = _(
    "The host is in a private network, which callbacks do not reach. If the portal is in a private network, set "
    "CALLBACKS_ALLOW_PRIVATE_ADDRESSES for the worker and web processes and restart them."
)
_TIMED_OUT = _(
    "The portal did not respond in time: it must accept the connection within 5 seconds and respond within 10 seconds. "
    "Check whether a firewall drops the connection. Let the portal respond before it processes the callback."
)
_TLS_FAILED = _("The TLS handshake failed. Check that the portal uses TLS 1.2 or later at this port.")
_TLS_UNTRUSTED = _(
    "The portal's certificate is not trusted. Check that the portal sends the complete certificate chain. If it uses a "
    "private certificate authority, add the authority to the system's certificates on this server."
)
_TLS_EXPIRED = _(
    "The portal's certificate has expired or is not valid yet. Renew the certificate, and check the clocks of both "
    "servers."
)
_TLS_WRONG_NAME = _(
    "The portal's certificate is for another host name. Use a URL with a host name of the certificate, or add this "
    "host name to the certificate."
)
_CONNECTION = _(
    "The host does not accept connections at this port. Check that the portal is running and that the firewall permits "
    "connections from this server."
)
_CONNECTION_CLOSED = _(
    "The portal, or a proxy in front of it, closed the connection without a response. See its log, and check whether "
    "the URL must begin with https."
)
_NOT_HTTP = _("The response is not valid HTTP. Check the port of the URL, and whether the URL must begin with https.")
_REDIRECT = _(
    "Redirects are not followed. Configure the redirect's target as callback URL, here and at the portal. It often "
    "differs only in https or in a slash at the end."
)
_CREDENTIALS = _(
    "The portal rejects the credentials. Compare the user name and password of the callback endpoint with those of the "
    "portal. Credentials are sent only if an endpoint has exactly this URL. If the portal verifies signatures, compare "
    "the signing secret too."
)
_NOT_FOUND = _(
    "The portal has no resource at this URL. Compare the URL with the portal's configuration. A portal that returns "
    "404 for unknown transactions also returns it for a test callback."
)
_METHOD_NOT_ALLOWED = _(
    "The portal does not accept POST requests at this URL. Compare the URL with the portal's configuration."
)
_GONE = _(
    "The portal reports that this URL is permanently gone (410), so the callback is not retried. Let the portal use "
    "another URL. Failed callbacks can then be sent again."
)
_TOO_MANY_REQUESTS = _(
    "The portal returned 429 (too many requests). The callback is retried. If this persists, raise the portal's rate "
    "limit."
)
_SERVER_ERROR = _("The portal has an internal error. See its log. The callback is retried.")
_REJECTED = _(
    "The portal rejects the callback. See its log. A callback is a POST request with a JSON object that has the "
    "members callback_uri and transaction_id."
)
_UNKNOWN = _("Compare the URL with the portal's configuration, and see the portal's log.")

_CREDENTIAL_EXPIRED = _(
    "The credential that the receiver issued for this message has expired, so that the message can no longer be "
    "delivered. Start a new authentication."
)

REMEDIES_BY_KIND: "dict[str, StrPromise]" = {
    CallbackErrorKind.CANNOT_DECRYPT: _CANNOT_DECRYPT,
    CallbackErrorKind.CREDENTIAL_EXPIRED: _CREDENTIAL_EXPIRED,
    NetworkErrorKind.ADDRESS_NOT_PUBLIC: _ADDRESS_NOT_PUBLIC,
    NetworkErrorKind.NAME_NOT_FOUND: _NAME_NOT_FOUND,
    NetworkErrorKind.CONNECTION_REFUSED: _CONNECTION,
    NetworkErrorKind.HOST_UNREACHABLE: _CONNECTION,
    NetworkErrorKind.TIMED_OUT: _TIMED_OUT,
    NetworkErrorKind.TLS_FAILED: _TLS_FAILED,
    NetworkErrorKind.TLS_UNTRUSTED: _TLS_UNTRUSTED,
    NetworkErrorKind.TLS_EXPIRED: _TLS_EXPIRED,
    NetworkErrorKind.TLS_WRONG_NAME: _TLS_WRONG_NAME,
    NetworkErrorKind.CONNECTION_CLOSED: _CONNECTION_CLOSED,
    NetworkErrorKind.CONNECTION_RESET: _CONNECTION_CLOSED,
    NetworkErrorKind.NOT_HTTP: _NOT_HTTP,
}
REMEDIES_BY_STATUS: "dict[int, StrPromise]" = {
    401: _CREDENTIALS,
    403: _CREDENTIALS,
    404: _NOT_FOUND,
    405: _METHOD_NOT_ALLOWED,
    410: _GONE,
    429: _TOO_MANY_REQUESTS,
}
_BY_STATUS_CLASS: "dict[int, StrPromise]" = {3: _REDIRECT, 4: _REJECTED, 5: _SERVER_ERROR}


def translate_reason(reason: str) -> str:
    """Return a stored reason in the active language. Reasons of libcurl have no translation."""
    return gettext(reason)


def remedy_for(error_kind: str | None, status: int | None, kind_name: str = kinds.PORTAL) -> str:
    """Return the remedy for a failed callback, from the kind of its error or from its HTTP status."""
    kind = kinds.find(kind_name)
    if status is not None:
        if kind and status in kind.remedies:
            return str(kind.remedies[status])
        return str(REMEDIES_BY_STATUS.get(status) or _BY_STATUS_CLASS.get(status // 100) or _UNKNOWN)
    return str(REMEDIES_BY_KIND.get(error_kind or "", _UNKNOWN))
