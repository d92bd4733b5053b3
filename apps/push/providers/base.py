"""Interface of the push providers, with shared helpers. Providers do not access the database."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

from django.utils import timezone

from apps.common import untrusted_json
from apps.common.encryption import CannotDecrypt
from apps.outbox.retries import parse_retry_after
from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind
from apps.push.destinations import Destination
from apps.push.models import PushMessagingConfiguration

CONNECT_TIMEOUT_SECONDS = 3.0
TIMEOUT_SECONDS = 9.0
# Limit of Apple and Google: https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
# and https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type
MAX_PAYLOAD_BYTES = 4096


@dataclass(frozen=True)
class PushMessage:
    """Push to one device. `badge` is the number on the icon of the app; None does not change it."""

    token: str
    transaction_id: str
    profile_id: str
    text: str
    expires_at: datetime
    badge: int | None = None

    @property
    def ttl_seconds(self) -> int:
        """Remaining lifetime of the transaction, at least one second."""
        return max(int((self.expires_at - timezone.now()).total_seconds()), 1)


class PushOutcome(Enum):
    """Outcome of an attempt to send a push. It decides what happens next."""

    ACCEPTED = "accepted"
    DEAD_TOKEN = "dead_token"  # invalid push token: no push reaches the device
    RETRY = "retry"
    REFUSED = "refused"  # the provider rejected this message: permanent failure
    MISCONFIGURED = "misconfigured"  # all messages fail until the configuration is corrected


@dataclass(frozen=True)
class PushResult:
    """Result of an attempt to send a push.

    `reason` is the reason that the provider returned, `retry_after_seconds` the value of its Retry-After header.
    """

    outcome: PushOutcome
    reason: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    # The provider rejected the access token. The push is retried once with a new one.
    credential_refused: bool = False
    # Time at which the provider found the push token invalid: tokens enrolled later are not concerned.
    dead_since: datetime | None = None
    # Set if the provider gave no response.
    error_kind: NetworkErrorKind | None = None

    def __post_init__(self) -> None:
        """Replace unprintable characters of the reason, some of which a database cannot store."""
        printable = "".join(character if character.isprintable() else "?" for character in self.reason)
        object.__setattr__(self, "reason", printable)


class SendError(Exception):
    """Error that prevents a push from being sent, with its result."""

    def __init__(self, result: PushResult) -> None:
        super().__init__(result.reason)
        self.result = result


def unusable_credential(error: Exception) -> SendError:
    """Return the error for a stored credential that cannot be used.

    Only the message of CannotDecrypt is included: other messages could contain parts of the credential.
    """
    is_known = isinstance(error, CannotDecrypt)
    reason = str(error) if is_known else f"the stored credential cannot be used ({type(error).__name__})"
    return SendError(PushResult(PushOutcome.MISCONFIGURED, reason))


class Provider(ABC):
    """Provider of pushes: builds requests and parses responses.

    `outcomes` maps the reasons of the provider to outcomes. Other reasons are classified by the HTTP status.
    `expired_credential_reasons` are the reasons after which the push is retried with a new credential.
    """

    outcomes: ClassVar[Mapping[str, PushOutcome]]
    expired_credential_reasons: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        """Return the credential of the requests; can wait for a token request. Raises SendError if there is none."""

    def discard_credential(self, configuration: PushMessagingConfiguration, credential: str) -> None:  # noqa: B027 - most keep none
        """Discard a cached credential that the provider rejected."""

    @abstractmethod
    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        """Build the request of a push. Raises SendError if the request cannot be built."""

    def build_follow_up(
        self, destination: Destination, message: PushMessage, credential: str, response: http.Response
    ) -> http.Request | None:
        """Return a request to send at once because of the response to the first one; None if the response is final."""
        return None

    @abstractmethod
    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        """Build a request that reaches no device, to check credential and URL.

        Raises SendError if the request cannot be built.
        """

    @abstractmethod
    def parse_reason(self, response: http.Response) -> str:
        """Return the reason of a rejection as the provider names it; empty if the provider accepted the message."""

    def dead_since(self, response: http.Response) -> datetime | None:
        """Return the time since which a push token is invalid, if the provider names it."""
        return None

    def parse_network_error(self, error: http.NoResponse) -> PushResult:
        """Return the result of a request without a response."""
        return PushResult(PushOutcome.RETRY, error.reason, error_kind=error.kind)

    def parse_response(self, response: http.Response) -> PushResult:
        """Return the result of a response."""
        reason = self.parse_reason(response)
        is_expired = reason in self.expired_credential_reasons
        return PushResult(
            PushOutcome.RETRY
            if is_expired
            else self.outcomes.get(reason) or _outcome_by_status(response.status, reason),
            reason[:200],
            response.status,
            parse_retry_after(response.headers.get("retry-after", "")),
            credential_refused=is_expired,
            dead_since=self.dead_since(response),
        )


def _outcome_by_status(status: int, reason: str) -> PushOutcome:
    if not reason:
        return PushOutcome.ACCEPTED
    if status in (408, 429) or status >= 500:
        return PushOutcome.RETRY
    # Without a reason of the provider, another server or another path returned the response. With a reason, a 4xx
    # status concerns only this message.
    if reason == status_reason(status) or status in (401, 403, 404, 405):
        return PushOutcome.MISCONFIGURED
    return PushOutcome.REFUSED


def status_reason(status: int) -> str:
    """Return the reason of a rejection without a reason of the provider."""
    return f"HTTP {status}"


def string_or(value: Any, default: str) -> str:
    """Return the value if it is a non-empty string, otherwise the default."""
    return value if value and isinstance(value, str) else default


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; returns an empty object if the body is anything else."""
    content = _parse(body)
    return content if isinstance(content, dict) else {}


def is_object(body: bytes) -> bool:
    return isinstance(_parse(body), dict)


def _parse(body: bytes) -> Any:
    try:
        return untrusted_json.loads(body)
    except ValueError:
        return None


def encode_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def truncate_to_fit(
    text: str, payload: Callable[[str], Mapping[str, Any]], limit: int = MAX_PAYLOAD_BYTES
) -> Mapping[str, Any]:
    """Return the payload with `text` shortened to the size limit of the provider. Other members are unchanged."""

    def fits(part: str) -> bool:
        return len(encode_json(payload(part))) <= limit

    if fits(text):
        return payload(text)
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle] + "…") else (low, middle - 1)
    return payload(text[:low].rstrip() + "…")
