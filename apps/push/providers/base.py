"""What every push provider speaks: a message in, facts out. Providers touch no rows."""

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
from apps.push.models import ApnsEnvironment, Kind, PushMessagingConfiguration

CONNECT_TIMEOUT_SECONDS = 3.0
TIMEOUT_SECONDS = 9.0
# Both providers refuse more: https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
# and https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type
MAX_PAYLOAD_BYTES = 4096


@dataclass(frozen=True)
class Destination:
    """How pushes reach the phones of one application version."""

    configuration: PushMessagingConfiguration
    apns_environment: str = ApnsEnvironment.PRODUCTION
    bundle_identifier: str = ""
    cordova: bool = False

    @property
    def environment(self) -> str:
        """The APNs environment that holds: with a certificate the configuration's, else the version's; FCM has none."""
        kind = self.configuration.kind
        if kind == Kind.APNS_CERTIFICATE:
            return self.configuration.apns_environment
        return self.apns_environment if kind == Kind.APNS_TOKEN else ""

    @property
    def concurrency_key(self) -> str:
        """What is slow together: one configuration in one environment."""
        return f"{self.configuration.name} {self.environment}".strip()

    @property
    def label(self) -> str:
        """What a fault can be about besides the configuration: the app and the environment."""
        return f"{self.bundle_identifier} {self.environment}".strip()


@dataclass(frozen=True)
class PushMessage:
    """A push to one device. `badge` is the number for the app's icon, None to leave it as it is."""

    token: str
    transaction_id: str
    profile_id: str
    text: str
    expires_at: datetime
    badge: int | None = None

    @property
    def ttl_seconds(self) -> int:
        """What is left of the transaction's life, at least one second."""
        return max(int((self.expires_at - timezone.now()).total_seconds()), 1)


class PushOutcome(Enum):
    """What became of a push, and so what to do next."""

    ACCEPTED = "accepted"
    DEAD_TOKEN = "dead_token"  # the device will not hear from us again under this token
    RETRY = "retry"
    REFUSED = "refused"  # this message, for good
    MISCONFIGURED = "misconfigured"  # every message, until somebody mends the configuration


@dataclass(frozen=True)
class PushResult:
    """`reason` is the provider's own word. `retry_after_seconds` is its wish, when it told one."""

    outcome: PushOutcome
    reason: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    # The provider refused our access token: a new one may help, once.
    credential_refused: bool = False
    # When the provider noticed that the token is dead: a newer token is another matter.
    dead_since: datetime | None = None
    # Set if the provider gave no response.
    error_kind: NetworkErrorKind | None = None

    def __post_init__(self) -> None:
        """Make the other side's word one that can be stored: it may hold what no text of a database can."""
        printable = "".join(character if character.isprintable() else "?" for character in self.reason)
        object.__setattr__(self, "reason", printable)


class SendError(Exception):
    """There is nothing to send with; `result` says what that means for the push."""

    def __init__(self, result: PushResult) -> None:
        super().__init__(result.reason)
        self.result = result


def unusable_credential(error: Exception) -> SendError:
    """Say that a stored credential cannot be used: a lost encryption key in its words, anything else without them."""
    is_known = isinstance(error, CannotDecrypt)
    reason = str(error) if is_known else f"the stored credential cannot be used ({type(error).__name__})"
    return SendError(PushResult(PushOutcome.MISCONFIGURED, reason))


class Provider(ABC):
    """One push service: how a message is asked for, and what its answers mean.

    `outcomes` is the table of its reasons. A reason that is not in it is judged by the HTTP status alone.
    `stale_credential` are the reasons for which a new credential may help.
    """

    outcomes: ClassVar[Mapping[str, PushOutcome]]
    expired_credential_reasons: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def get_credential(self, configuration: PushMessagingConfiguration) -> str:
        """Return what authenticates us; may wait for an exchange. Unsendable when there is none."""

    def discard_credential(self, configuration: PushMessagingConfiguration, credential: str) -> None:  # noqa: B027 - most keep none
        """Do not use a kept credential again: the provider refused it."""

    @abstractmethod
    def build_request(self, destination: Destination, message: PushMessage, credential: str) -> http.Request:
        """Put the request together; Unsendable when it cannot be."""

    @abstractmethod
    def build_probe(self, destination: Destination, credential: str) -> http.Request:
        """Put a request together that reaches nobody: its answer tells whether credential and address are good."""

    @abstractmethod
    def parse_reason(self, response: http.Response) -> str:
        """Return the provider's own word for a refusal; empty when it took the message."""

    def dead_since(self, response: http.Response) -> datetime | None:
        """Return since when a dead token is dead, for providers that tell."""
        return None

    def parse_response(self, response: http.Response) -> PushResult:
        """Say what an answer means."""
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
    # Without a word of the provider it is not the provider that answers, or not what takes messages there. With one, a
    # 400 and its like are about this message alone.
    if reason == status_reason(status) or status in (401, 403, 404, 405):
        return PushOutcome.MISCONFIGURED
    return PushOutcome.REFUSED


def status_reason(status: int) -> str:
    """Return the reason of a refusal for which the provider gave none."""
    return f"HTTP {status}"


def string_or(value: Any, default: str) -> str:
    """Return what stands in the place of the provider's word, if it is one."""
    return value if value and isinstance(value, str) else default


def parse_object(body: bytes) -> dict[str, Any]:
    """Read the JSON object that an answer is; an empty one when it is anything else."""
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


def truncate_to_fit(text: str, payload: Callable[[str], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the payload with as much of `text` as both providers take, never with less of the rest."""

    def fits(part: str) -> bool:
        return len(encode_json(payload(part))) <= MAX_PAYLOAD_BYTES

    if fits(text):
        return payload(text)
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(text[:middle] + "…") else (low, middle - 1)
    return payload(text[:low].rstrip() + "…")
