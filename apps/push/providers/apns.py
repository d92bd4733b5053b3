"""Apple Push Notification service, over HTTP/2, with a signing key or (deprecated) a certificate.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns and
.../handling-notification-responses-from-apns for the table below.
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
from apps.push.models import ApnsEnvironment, Kind, PushMessagingConfiguration
from apps.push.providers.base import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    Destination,
    Outcome,
    Provider,
    PushMessage,
    Result,
    Unsendable,
    compact,
    fit,
    no_word,
    parse_object,
    unusable,
    word,
)
from apps.system import services as system

# Apple refuses tokens older than 60 minutes, and new ones more often than every 20.
TOKEN_SECONDS = 45 * 60
REPLACEMENT_SECONDS = 20 * 60
# No device has it: Apple looks at credential, topic and environment first.
NOBODY = "0" * 64


@dataclass(repr=False)
class _Signed:
    """A provider token, with the team, key ID and key that it is signed with."""

    token: str
    signer: tuple[str, str, str]
    at: float
    is_replacement: bool
    is_refused: bool = False

    @property
    def is_kept(self) -> bool:
        """A refused token gives way at once; its replacement not before Apple takes another: a clock may be wrong."""
        seconds = TOKEN_SECONDS
        if self.is_refused:
            seconds = REPLACEMENT_SECONDS if self.is_replacement else 0
        return 0 <= time.time() - self.at < seconds


class ProviderTokens:
    """Signed provider tokens per configuration, for this process."""

    def __init__(self) -> None:
        self._tokens: dict[UUID, _Signed] = {}
        self._lock = threading.Lock()

    def get(self, configuration: PushMessagingConfiguration) -> str:
        signer = (configuration.team_id, configuration.key_id, configuration.signing_key)
        with self._lock:
            kept = self._tokens.get(configuration.pk)
            if kept is None or kept.signer != signer or not kept.is_kept:
                is_replacement = kept is not None and kept.signer == signer and kept.is_refused
                kept = self._tokens[configuration.pk] = _sign(signer, is_replacement=is_replacement)
            return kept.token

    def forget(self, configuration: PushMessagingConfiguration, token: str) -> None:
        """Take a token for refused, unless another thread has a newer one already."""
        with self._lock:
            kept = self._tokens.get(configuration.pk)
            if kept and kept.token == token:
                kept.is_refused = True


def _sign(signer: tuple[str, str, str], *, is_replacement: bool) -> _Signed:
    team_id, key_id, key = signer
    now = time.time()
    token = jwt.encode({"iss": team_id, "iat": int(now)}, key, "ES256", headers={"kid": key_id})
    return _Signed(token, signer, now, is_replacement)


class Apns(Provider):
    """Both kinds of credentials; the connection carries a certificate, each request a token."""

    outcomes: ClassVar[Mapping[str, Outcome]] = {
        "BadDeviceToken": Outcome.DEAD_TOKEN,
        "DeviceTokenNotForTopic": Outcome.DEAD_TOKEN,
        "Unregistered": Outcome.DEAD_TOKEN,
        "ExpiredToken": Outcome.DEAD_TOKEN,
        "IdleTimeout": Outcome.RETRY,
        "TooManyProviderTokenUpdates": Outcome.RETRY,
        "TooManyRequests": Outcome.RETRY,
        "InternalServerError": Outcome.RETRY,
        "ServiceUnavailable": Outcome.RETRY,
        "Shutdown": Outcome.RETRY,
        "BadCertificate": Outcome.MISCONFIGURED,
        "BadCertificateEnvironment": Outcome.MISCONFIGURED,
        "BadEnvironmentKeyInToken": Outcome.MISCONFIGURED,
        "BadEnvironmentKeyIdInToken": Outcome.MISCONFIGURED,
        "BadTopic": Outcome.MISCONFIGURED,
        "Forbidden": Outcome.MISCONFIGURED,
        "InvalidProviderToken": Outcome.MISCONFIGURED,
        "MissingProviderToken": Outcome.MISCONFIGURED,
        "MissingTopic": Outcome.MISCONFIGURED,
        "TopicDisallowed": Outcome.MISCONFIGURED,
        "UnrelatedKeyIdInToken": Outcome.MISCONFIGURED,
        "BadPath": Outcome.MISCONFIGURED,
        "MethodNotAllowed": Outcome.MISCONFIGURED,
        "BadCollapseId": Outcome.REFUSED,
        "BadExpirationDate": Outcome.REFUSED,
        "BadMessageId": Outcome.REFUSED,
        "BadPriority": Outcome.REFUSED,
        "DuplicateHeaders": Outcome.REFUSED,
        "InvalidPushType": Outcome.REFUSED,
        "MissingDeviceToken": Outcome.REFUSED,
        "PayloadEmpty": Outcome.REFUSED,
        "PayloadTooLarge": Outcome.REFUSED,
    }
    stale_credential = frozenset({"ExpiredProviderToken"})

    def __init__(self) -> None:
        self._tokens = ProviderTokens()

    def credential(self, configuration: PushMessagingConfiguration) -> str:
        try:
            if configuration.kind == Kind.APNS_CERTIFICATE:
                return str(configuration.certificate)
            return self._tokens.get(configuration)
        except (CannotDecrypt, ValueError, jwt.PyJWTError) as error:
            raise unusable(error) from None

    def forget(self, configuration: PushMessagingConfiguration, credential: str) -> None:
        self._tokens.forget(configuration, credential)

    def request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        headers = {
            "apns-expiration": str(int(message.expires_at.timestamp())),
            "apns-collapse-id": message.transaction_id,
        }
        content = fit(message.text, lambda text: payload(message, text))
        return _request(destination, message.token, headers, content, credential)

    def probe(self, destination: Destination, credential: str) -> http.Request:
        content = {"aps": {"alert": "Test"}}
        return _request(destination, NOBODY, {"apns-expiration": "0"}, content, credential)

    def reason(self, answer: http.Response) -> str:
        if answer.status == 200:
            return ""
        return word(parse_object(answer.body).get("reason"), no_word(answer.status))

    def dead_since(self, answer: http.Response) -> datetime | None:
        moment = parse_object(answer.body).get("timestamp") if answer.status == 410 else None
        if isinstance(moment, int) and 0 < moment < 1e14:
            return datetime.fromtimestamp(moment / 1000, UTC)
        return None


def payload(message: PushMessage, text: str) -> Mapping[str, Any]:
    aps: dict[str, Any] = {"alert": text, "sound": "default"}
    if message.badge is not None:
        aps["badge"] = message.badge
    return {"aps": aps, "og_transaction_id": message.transaction_id, "og_profile_id": message.profile_id}


def _request(
    destination: Destination, token: str, headers: Mapping[str, str], content: Mapping[str, Any], credential: str
) -> http.Request:
    configuration = destination.configuration
    with_certificate = configuration.kind == Kind.APNS_CERTIFICATE
    shared = {"apns-push-type": "alert", "apns-priority": "10", "Content-Type": "application/json"}
    if not with_certificate:
        shared["authorization"] = f"bearer {credential}"
    if destination.bundle_identifier:
        # A certificate may do without: it names its app itself.
        shared["apns-topic"] = destination.bundle_identifier
    return http.Request(
        "POST",
        f"{_address(destination)}/3/device/{quote(token, safe='')}",
        {**shared, **headers},
        compact(content),
        CONNECT_SECONDS,
        ANSWER_SECONDS,
        proxy=_proxy(),
        ca_file=settings.PUSH_APNS_CA_FILE,
        # Apple takes the tokens of one signing key on a connection (UnrelatedKeyIdInToken).
        pool="" if with_certificate else f"{configuration.team_id} {configuration.key_id}",
        client_certificate=credential if with_certificate else "",
    )


def _proxy() -> http.Proxy | None:
    try:
        return system.apns_proxy()
    except CannotDecrypt as error:
        raise Unsendable(Result(Outcome.MISCONFIGURED, str(error))) from None


def _address(destination: Destination) -> str:
    url: str = (
        settings.PUSH_APNS_DEVELOPMENT_URL
        if destination.environment == ApnsEnvironment.DEVELOPMENT
        else settings.PUSH_APNS_PRODUCTION_URL
    )
    return url
