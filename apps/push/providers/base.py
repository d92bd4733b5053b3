"""What every push provider speaks: a message in, facts out. Providers touch no rows."""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class PushMessage:
    """A push to one device. `seconds_to_live` is what is left of the transaction's life."""

    token: str
    transaction_id: str
    profile_id: str
    text: str
    seconds_to_live: int
    cordova: bool = False


class Outcome(Enum):
    """What became of a push, and so what to do next."""

    ACCEPTED = "accepted"
    DEAD_TOKEN = "dead_token"  # the device will not hear from us again under this token
    RETRY = "retry"
    REFUSED = "refused"  # trying again cannot help: configuration or message is wrong


@dataclass(frozen=True)
class Result:
    """`reason` is the provider's own word. `retry_after_seconds` is its wish, when it told one."""

    outcome: Outcome
    reason: str = ""
    status: int | None = None
    retry_after_seconds: float | None = None
    # The provider refused our access token: a new one may help, once.
    credential_refused: bool = False

    def __post_init__(self) -> None:
        """Make the other side's word one that can be stored: it may hold what no text of a database can."""
        word = "".join(character if character.isprintable() else "?" for character in self.reason)
        object.__setattr__(self, "reason", word)
