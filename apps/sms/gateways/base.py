"""What every SMS gateway is: a class with one method to write.

The base fixes what must not differ: the order of senders, and what a missing answer means. A gateway touches no rows
and its vendor's exceptions stop in it.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum

from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind


@dataclass(frozen=True)
class SmsMessage:
    """A text to one phone. `code` is the code in it; `seconds_to_live` is what is left of the code's life."""

    phone_number: str
    text: str
    code: str
    ttl_seconds: int


class SmsOutcome(Enum):
    """What became of a text message, and so what to do next."""

    ACCEPTED = "accepted"
    SENDER_REFUSED = "sender_refused"  # this sender may not send there; another one may
    REFUSED = "refused"  # trying again cannot help
    RETRY = "retry"  # it was surely not sent
    UNKNOWN = "unknown"  # it may have been sent: never again by itself


@dataclass(frozen=True)
class SmsResult:
    """`reason` is the gateway's own word, without number, code or text of the message."""

    outcome: SmsOutcome
    reason: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    sender: str = ""
    # Set if the gateway gave no response.
    error_kind: NetworkErrorKind | None = None


class Gateway(ABC):
    """Hands text messages to a provider. Write `submit`; return a Result, let `http.NoResponse` pass."""

    def send(self, message: SmsMessage, senders: list[str]) -> SmsResult:
        """Try the senders in order until one is not refused as a sender. `senders` may hold "": the gateway's own."""
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
        """Hand over one message from one sender ("" = the provider's default) and say what the provider answered."""

    def probe(self) -> SmsResult | None:
        """Ask the provider without sending anything and say what it answered; None when this gateway cannot.

        As for `submit`, let `http.NoResponse` pass.
        """
        return None

    def default_senders(self) -> list[str]:
        """Return the senders to try after the configured ones."""
        return [""]
