"""Web Push (RFC 8030): messages to browsers and, with UnifiedPush, to Android.

Messages are encrypted to the keys of the subscription (RFC 8291), so that a push service cannot read them. The outcomes
follow RFC 8030, 7.3 and 8.4, and the documentation of the push services.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.core.exceptions import ValidationError

from apps.common.encryption import CannotDecrypt
from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind
from apps.push.destinations import Destination
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.base import (
    CONNECT_TIMEOUT_SECONDS,
    TIMEOUT_SECONDS,
    Provider,
    PushMessage,
    PushOutcome,
    PushResult,
    SendError,
    encode_json,
    parse_object,
    status_reason,
    truncate_to_fit,
    unusable_credential,
)
from apps.push.providers.web_push import subscriptions, vapid
from apps.push.providers.web_push.subscriptions import Subscription
from apps.system import services as system

# Push services accept at least 4,096 bytes (RFC 8030, 7.2). Header, delimiter and tag of the encryption take 103.
MAX_PLAINTEXT_BYTES = 4096 - 103
# After a response 413, the message is shortened to this size and sent once more.
SHORT_PLAINTEXT_BYTES = 1000
# Devices choose the hosts, so that their connections are kept apart from those to Apple and Google.
POOL = "web_push"
INVALID_SUBSCRIPTION = "invalid push subscription"
# The same status has another remedy than at Apple and Google.
REASON_PREFIX = "Web Push: "


class WebPush(Provider):
    outcomes: ClassVar[Mapping[str, PushOutcome]] = {
        INVALID_SUBSCRIPTION: PushOutcome.DEAD_TOKEN,
        "HTTP 404": PushOutcome.DEAD_TOKEN,
        "HTTP 410": PushOutcome.DEAD_TOKEN,
        "HTTP 413": PushOutcome.REFUSED,
        "HTTP 400": PushOutcome.MISCONFIGURED,
        "HTTP 401": PushOutcome.MISCONFIGURED,
        "HTTP 403": PushOutcome.MISCONFIGURED,
    }

    def __init__(self) -> None:
        self._headers = vapid.HeaderCache()

    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            return str(configuration.vapid_private_key)
        except CannotDecrypt as error:
            raise unusable_credential(error) from None

    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        return self._build_request(destination, message, credential, MAX_PLAINTEXT_BYTES)

    def build_follow_up(
        self, destination: Destination, message: PushMessage, credential: str, response: http.Response
    ) -> http.Request | None:
        """Return a request with a shorter message if the message was too long for the push service."""
        if response.status != 413 or len(encode_json(build_payload(message, message.text))) <= SHORT_PLAINTEXT_BYTES:
            return None
        return self._build_request(destination, message, credential, SHORT_PLAINTEXT_BYTES)

    def _build_request(
        self, destination: Destination, message: PushMessage, credential: str, limit: int
    ) -> http.Request:
        subscription = _parse_token(message.token)
        content = truncate_to_fit(message.text, lambda text: build_payload(message, text), limit)
        headers = {
            "Authorization": self._authorization(destination, credential, subscription),
            "TTL": str(message.ttl_seconds),
            "Urgency": "high",
            # A later push of the same transaction replaces the earlier one. At most 32 characters (RFC 8030, 5.4).
            "Topic": message.transaction_id.replace("-", "")[:32],
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
        }
        return http.Request(
            "POST",
            subscription.endpoint,
            headers,
            encrypt(encode_json(content), subscription),
            CONNECT_TIMEOUT_SECONDS,
            TIMEOUT_SECONDS,
            public_only=subscriptions.needs_public_address(subscription.endpoint),
            proxy=system.external_proxy(),
            ca_file=settings.WEB_PUSH_CA_FILE,
            pool=POOL,
        )

    def _authorization(self, destination: Destination, credential: str, subscription: Subscription) -> str:
        try:
            return self._headers.get(credential, destination.configuration.contact, subscription.origin)
        except ValueError as error:
            raise unusable_credential(error) from None

    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        raise NotImplementedError("only a device has a URL at a push service")

    def parse_reason(self, response: http.Response) -> str:
        if 200 <= response.status < 300:
            return ""
        return status_reason(response.status)

    def parse_response(self, response: http.Response) -> PushResult:
        """Return the result, whose reason is the HTTP status with the reason of Apple or the number of Mozilla.

        Other texts of push services are omitted: they can contain a part of the endpoint.
        """
        result = super().parse_response(response)
        if not result.reason:
            return result
        detail = _detail(parse_object(response.body))
        reason = f"{REASON_PREFIX}{result.reason} ({detail})" if detail else f"{REASON_PREFIX}{result.reason}"
        outcome = PushOutcome.DEAD_TOKEN if 300 <= response.status < 400 else result.outcome
        return replace(result, outcome=outcome, reason=reason)

    def parse_network_error(self, error: http.NoResponse) -> PushResult:
        result = super().parse_network_error(error)
        is_forbidden = error.kind == NetworkErrorKind.ADDRESS_NOT_PUBLIC
        return replace(result, outcome=PushOutcome.DEAD_TOKEN) if is_forbidden else result


def _detail(body: Mapping[str, Any]) -> str:
    reason, number = body.get("reason"), body.get("errno")
    if isinstance(reason, str) and reason.isascii() and reason.isalnum() and len(reason) <= 60:
        return reason
    return f"errno {number}" if type(number) is int and 0 < number < 1000 else ""


def _parse_token(token: str) -> Subscription:
    try:
        return subscriptions.parse(token)
    except ValidationError:
        raise SendError(PushResult(PushOutcome.DEAD_TOKEN, INVALID_SUBSCRIPTION)) from None


def build_payload(message: PushMessage, text: str) -> Mapping[str, Any]:
    return {
        "og_transaction_id": message.transaction_id,
        "og_profile_id": message.profile_id,
        "og_message": text,
    }


def encrypt(content: bytes, subscription: Subscription) -> bytes:
    """Encrypt a message in one record, with a new key pair and salt."""
    body: bytes = http_ece.encrypt(
        content,
        private_key=ec.generate_private_key(vapid.CURVE),
        dh=subscription.public_key,
        auth_secret=subscription.authentication_secret,
        version="aes128gcm",
    )
    return body
