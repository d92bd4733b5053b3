"""Apple Push Notification service, over HTTP/2, with a signing key or (deprecated) a certificate.

The table below follows
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns and
.../handling-notification-responses-from-apns.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import UUID

import jwt
from django.conf import settings

from apps.common.encryption import CannotDecrypt
from apps.outgoing import http
from apps.outgoing.proxy import Proxy
from apps.push.destinations import Destination
from apps.push.models import ApnsEnvironment, Kind, PushMessagingConfiguration
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
    string_or,
    truncate_to_fit,
    unusable_credential,
)
from apps.system import services as system

# Apple rejects tokens that are older than 60 minutes, and a new token within 20 minutes of the previous one.
TOKEN_LIFETIME_SECONDS = 45 * 60
REPLACEMENT_LIFETIME_SECONDS = 20 * 60
# A token without a device: Apple checks credential, topic and environment first.
PROBE_TOKEN = "0" * 64


@dataclass(repr=False)
class _ProviderToken:
    """Provider token, with the team ID, key ID and key of its signature."""

    token: str
    signer: tuple[str, str, str]
    signed_at: float
    is_replacement: bool
    is_rejected: bool = False

    @property
    def is_reusable(self) -> bool:
        """Return True if the token can be used for further pushes.

        A rejected token is replaced at once. A rejected replacement is used until Apple accepts a new one: the cause
        can be a wrong clock.
        """
        seconds = TOKEN_LIFETIME_SECONDS
        if self.is_rejected:
            seconds = REPLACEMENT_LIFETIME_SECONDS if self.is_replacement else 0
        return 0 <= time.time() - self.signed_at < seconds


class ProviderTokenCache:
    """Signed provider tokens of this process, by configuration."""

    def __init__(self) -> None:
        self._tokens: dict[UUID, _ProviderToken] = {}
        self._lock = threading.Lock()

    def get(self, configuration: PushMessagingConfiguration) -> str:
        signer = (configuration.team_id, configuration.key_id, configuration.signing_key)
        with self._lock:
            cached = self._tokens.get(configuration.pk)
            if cached is None or cached.signer != signer or not cached.is_reusable:
                is_replacement = cached is not None and cached.signer == signer and cached.is_rejected
                cached = self._tokens[configuration.pk] = _sign(signer, is_replacement=is_replacement)
            return cached.token

    def mark_rejected(self, configuration: PushMessagingConfiguration, token: str) -> None:
        """Mark a token as rejected, unless another thread has replaced it."""
        with self._lock:
            cached = self._tokens.get(configuration.pk)
            if cached and cached.token == token:
                cached.is_rejected = True


def _sign(signer: tuple[str, str, str], *, is_replacement: bool) -> _ProviderToken:
    team_id, key_id, key = signer
    now = time.time()
    token = jwt.encode({"iss": team_id, "iat": int(now)}, key, "ES256", headers={"kid": key_id})
    return _ProviderToken(token, signer, now, is_replacement)


class Apns(Provider):
    """APNs with both types of credentials: a certificate for the connection, or a provider token in each request."""

    outcomes: ClassVar[Mapping[str, PushOutcome]] = {
        "BadDeviceToken": PushOutcome.DEAD_TOKEN,
        "DeviceTokenNotForTopic": PushOutcome.DEAD_TOKEN,
        "Unregistered": PushOutcome.DEAD_TOKEN,
        "ExpiredToken": PushOutcome.DEAD_TOKEN,
        "IdleTimeout": PushOutcome.RETRY,
        "TooManyProviderTokenUpdates": PushOutcome.RETRY,
        "TooManyRequests": PushOutcome.RETRY,
        "InternalServerError": PushOutcome.RETRY,
        "ServiceUnavailable": PushOutcome.RETRY,
        "Shutdown": PushOutcome.RETRY,
        "BadCertificate": PushOutcome.MISCONFIGURED,
        "BadCertificateEnvironment": PushOutcome.MISCONFIGURED,
        "BadEnvironmentKeyInToken": PushOutcome.MISCONFIGURED,
        "BadEnvironmentKeyIdInToken": PushOutcome.MISCONFIGURED,
        "BadTopic": PushOutcome.MISCONFIGURED,
        "Forbidden": PushOutcome.MISCONFIGURED,
        "InvalidProviderToken": PushOutcome.MISCONFIGURED,
        "MissingProviderToken": PushOutcome.MISCONFIGURED,
        "MissingTopic": PushOutcome.MISCONFIGURED,
        "TopicDisallowed": PushOutcome.MISCONFIGURED,
        "UnrelatedKeyIdInToken": PushOutcome.MISCONFIGURED,
        "BadPath": PushOutcome.MISCONFIGURED,
        "MethodNotAllowed": PushOutcome.MISCONFIGURED,
        "BadCollapseId": PushOutcome.REFUSED,
        "BadExpirationDate": PushOutcome.REFUSED,
        "BadMessageId": PushOutcome.REFUSED,
        "BadPriority": PushOutcome.REFUSED,
        "DuplicateHeaders": PushOutcome.REFUSED,
        "InvalidPushType": PushOutcome.REFUSED,
        "MissingDeviceToken": PushOutcome.REFUSED,
        "PayloadEmpty": PushOutcome.REFUSED,
        "PayloadTooLarge": PushOutcome.REFUSED,
    }
    expired_credential_reasons = frozenset({"ExpiredProviderToken"})

    def __init__(self) -> None:
        self._tokens = ProviderTokenCache()

    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            if configuration.kind == Kind.APNS_CERTIFICATE:
                return str(configuration.certificate)
            return self._tokens.get(configuration)
        except (CannotDecrypt, ValueError, jwt.PyJWTError) as error:
            raise unusable_credential(error) from None

    def discard_credential(self, configuration: PushMessagingConfiguration, credential: str) -> None:
        self._tokens.mark_rejected(configuration, credential)

    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        headers = {
            "apns-expiration": str(int(message.expires_at.timestamp())),
            "apns-collapse-id": message.transaction_id,
        }
        content = truncate_to_fit(message.text, lambda text: build_payload(destination, message, text))
        return _build_request(destination, message.token, headers, content, credential)

    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        content = {"aps": {"alert": "Test"}}
        return _build_request(destination, PROBE_TOKEN, {"apns-expiration": "0"}, content, credential)

    def parse_reason(self, response: http.Response) -> str:
        if response.status == 200:
            return ""
        return string_or(parse_object(response.body).get("reason"), status_reason(response.status))

    def dead_since(self, response: http.Response) -> datetime | None:
        timestamp = parse_object(response.body).get("timestamp") if response.status == 410 else None
        if isinstance(timestamp, int) and 0 < timestamp < 1e14:
            return datetime.fromtimestamp(timestamp / 1000, UTC)
        return None


def build_payload(destination: Destination, message: PushMessage, text: str) -> Mapping[str, Any]:
    aps: dict[str, Any] = {"alert": text, "sound": "default", **destination.notification_settings}
    if message.badge is not None:
        aps["badge"] = message.badge
    return {"aps": aps, "og_transaction_id": message.transaction_id, "og_profile_id": message.profile_id}


def _build_request(
    destination: Destination, token: str, headers: Mapping[str, str], content: Mapping[str, Any], credential: str
) -> http.Request:
    configuration = destination.configuration
    with_certificate = configuration.kind == Kind.APNS_CERTIFICATE
    common_headers = {"apns-push-type": "alert", "apns-priority": "10", "Content-Type": "application/json"}
    if not with_certificate:
        common_headers["authorization"] = f"bearer {credential}"
    if destination.bundle_identifier:
        # A certificate names its app, so the topic is optional.
        common_headers["apns-topic"] = destination.bundle_identifier
    return http.Request(
        "POST",
        f"{_base_url(destination)}/3/device/{quote(token, safe='')}",
        {**common_headers, **headers},
        encode_json(content),
        CONNECT_TIMEOUT_SECONDS,
        TIMEOUT_SECONDS,
        proxy=_load_proxy(),
        ca_file=settings.PUSH_APNS_CA_FILE,
        # Apple accepts the tokens of only one signing key on a connection (UnrelatedKeyIdInToken).
        pool="" if with_certificate else f"{configuration.team_id} {configuration.key_id}",
        client_certificate=credential if with_certificate else "",
    )


def _load_proxy() -> Proxy | None:
    try:
        return system.apns_proxy()
    except CannotDecrypt as error:
        raise SendError(PushResult(PushOutcome.MISCONFIGURED, str(error))) from None


def _base_url(destination: Destination) -> str:
    url: str = (
        settings.PUSH_APNS_DEVELOPMENT_URL
        if destination.environment == ApnsEnvironment.DEVELOPMENT
        else settings.PUSH_APNS_PRODUCTION_URL
    )
    return url
