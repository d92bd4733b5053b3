"""Push subscriptions of browsers and of UnifiedPush: the push tokens of Web Push.

The token is the JSON text of a PushSubscription (https://www.w3.org/TR/push-api/). Its endpoint is a URL that the
device chooses, so it is validated when it is stored and again before each message.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common import untrusted_json
from apps.common.urls import is_http_url
from apps.outgoing import addresses
from apps.push.providers.web_push.vapid import decode_base64
from apps.system import services as system

AUTHENTICATION_SECRET_BYTES = 16
ANY_HOST = "*"


@dataclass(frozen=True, repr=False)
class Subscription:
    """Push subscription: the URL of the device at its push service, and the keys for its messages."""

    endpoint: str
    public_key: ec.EllipticCurvePublicKey
    authentication_secret: bytes
    p256dh: str
    auth: str

    @property
    def origin(self) -> str:
        """Origin of the push service, without a default port (RFC 6454, 6.2)."""
        parts = urlsplit(self.endpoint)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"https://{host}" if parts.port in (None, 443) else f"https://{host}:{parts.port}"

    @property
    def token(self) -> str:
        """The subscription as it is stored, without members that are not needed."""
        keys = {"p256dh": self.p256dh, "auth": self.auth}
        return json.dumps({"endpoint": self.endpoint, "keys": keys}, separators=(",", ":"))


def parse(token: str) -> Subscription:
    """Parse and validate a push token. Raises ValidationError if it is not a subscription to an allowed host."""
    content = _parse_json(token)
    keys = content.get("keys")
    endpoint, p256dh, auth = content.get("endpoint"), *_key_texts(keys)
    if not isinstance(endpoint, str):
        raise ValidationError(_("The push subscription has no endpoint."))
    _validate_endpoint(endpoint)
    try:
        secret = decode_base64(auth)
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _uncompressed(decode_base64(p256dh)))
    except ValueError:
        secret = b""
    if len(secret) != AUTHENTICATION_SECRET_BYTES:
        raise ValidationError(_("The keys of the push subscription are invalid."))
    return Subscription(endpoint, public_key, secret, p256dh, auth)


def _parse_json(token: str) -> dict[str, Any]:
    try:
        content = untrusted_json.loads(token)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ValidationError(_("The push token must be the JSON text of a push subscription."))
    return content


def _key_texts(keys: Any) -> tuple[str, str]:
    members = keys if isinstance(keys, dict) else {}
    p256dh, auth = members.get("p256dh"), members.get("auth")
    if not isinstance(p256dh, str) or not isinstance(auth, str):
        raise ValidationError(_("The push subscription has no keys."))
    return p256dh, auth


def _uncompressed(point: bytes) -> bytes:
    if len(point) != 65:
        raise ValueError("not an uncompressed point")
    return point


def _validate_endpoint(endpoint: str) -> None:
    if not is_http_url(endpoint) or not endpoint.startswith("https://"):
        raise ValidationError(_("The endpoint of the push subscription must be an https URL."))
    parts = urlsplit(endpoint)
    if "@" in parts.netloc or parts.fragment:
        raise ValidationError(_("The endpoint of the push subscription must not contain credentials or a fragment."))
    if not is_allowed_host(parts.hostname or ""):
        raise ValidationError(_("The host of the push subscription is not allowed by WEB_PUSH_HOSTS."))


def is_allowed_host(host: str) -> bool:
    """Return True if WEB_PUSH_HOSTS contains the host, its parent domain as `*.domain`, or `*`."""
    return ANY_HOST in settings.WEB_PUSH_HOSTS or is_listed_host(host)


def is_listed_host(host: str) -> bool:
    return any(
        host.endswith(entry.lower().removeprefix("*"))
        if entry.startswith("*.")
        else entry != ANY_HOST and host == entry.lower()
        for entry in settings.WEB_PUSH_HOSTS
    )


def needs_public_address(endpoint: str) -> bool:
    """Return True if this server resolves and checks the host.

    A proxy resolves the hosts of the list itself: behind one, this server often cannot resolve them.
    """
    return system.external_proxy() is None or not is_listed_host(urlsplit(endpoint).hostname or "")


def validate_address(subscription: Subscription) -> None:
    """Validate that the host of a subscription resolves to public addresses. Raises ValidationError if it does not.

    Waits for the name server: not to be called within a database transaction.
    """
    if not needs_public_address(subscription.endpoint):
        return
    try:
        addresses.resolve(subscription.endpoint)
    except addresses.AddressRejected as error:
        raise ValidationError(_(error.reason)) from None


def identity(token: str) -> str:
    """Return the part of a push token that identifies the device: the endpoint of a subscription, or the token."""
    if not token.lstrip().startswith("{"):
        return token
    try:
        content = untrusted_json.loads(token)
    except ValueError:
        return token
    endpoint = content.get("endpoint") if isinstance(content, dict) else None
    return endpoint if isinstance(endpoint, str) and endpoint else token
