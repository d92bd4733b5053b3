"""Interface of the SMS gateways: a class with one method to implement.

The base class defines the order of the senders and the outcome of a missing response. A gateway does not access the
database and handles the exceptions of its vendor's package.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum

from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind


@dataclass(frozen=True)
class SmsMessage:
    """Message to one phone number. `text` contains `code`, whose remaining lifetime is `ttl_seconds`."""

    phone_number: str
    text: str
    code: str
    ttl_seconds: int


class SmsOutcome(Enum):
    """Outcome of an attempt to send a message. It decides what happens next."""

    ACCEPTED = "accepted"
    SENDER_REFUSED = "sender_refused"  # the sender is not accepted; the next one is tried
    REFUSED = "refused"  # permanent failure
    RETRY = "retry"  # the message was not sent
    UNKNOWN = "unknown"  # the message may have been sent; it is not retried


@dataclass(frozen=True)
class SmsResult:
    """Result of an attempt to send a message.

    `reason` is the reason of the gateway. It must not contain the phone number, the code or the text.
    """

    outcome: SmsOutcome
    reason: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    sender: str = ""
    # Set if the gateway gave no response.
    error_kind: NetworkErrorKind | None = None


class Gateway(ABC):
    """Base class of the gateways. Subclasses implement `submit`, which may raise `http.NoResponse`."""

    def send(self, message: SmsMessage, senders: list[str]) -> SmsResult:
        """Submit the message with each sender in order, until a result other than SENDER_REFUSED.

        An empty sender selects the default of the gateway.
        """
        result = SmsResult(SmsOutcome.REFUSED, "no sender")
        for sender in senders:
            result = replace(self._submit(message, sender), sender=sender)
            if result.outcome != SmsOutcome.SENDER_REFUSED:
                return result
        return replace(result, outcome=SmsOutcome.REFUSED)

    def _submit(self, message: SmsMessage, sender: str) -> SmsResult:
        try:
            return self.submit(message, sender)
        except http.NoResponse as error:
            outcome = SmsOutcome.UNKNOWN if error.may_have_arrived else SmsOutcome.RETRY
            return SmsResult(outcome, error.reason, error_kind=error.kind)

    @abstractmethod
    def submit(self, message: SmsMessage, sender: str) -> SmsResult:
        """Submit a message with one sender and return the result. An empty sender is the default of the provider."""

    def probe(self) -> SmsResult | None:
        """Check the connection and the credentials without sending a message; None if the gateway cannot check them.

        May raise `http.NoResponse`, like `submit`.
        """
        return None

    def default_senders(self) -> list[str]:
        """Return the senders that are tried after the configured ones."""
        return [""]
