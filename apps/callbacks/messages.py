"""Base class of the kinds of messages that the outbox of callbacks delivers."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from apps.callbacks.models import CallbackDelivery
from apps.callbacks.transport import CallbackResult
from apps.outgoing import http

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Message:
    """Request of a delivery. After `give_up_at`, it is not retried, even if 24 hours have not passed."""

    request: http.Request
    give_up_at: datetime | None = None


class MessageKind:
    """Kind of message. A kind stores its secrets in tables of its own app, encrypted, and never in the delivery.

    `final_statuses` are the HTTP statuses after which a message is not retried, besides 2xx and 410. `remedies` are
    texts for HTTP statuses that differ from those of callbacks to portals. `can_be_redelivered` is False for a kind
    whose secrets are erased when a delivery ends. `repeat_delay_seconds` is the shortest time before a retry if the
    receiver may have processed the request.
    """

    label: "StrPromise"
    final_statuses: frozenset[int] = frozenset()
    remedies: "Mapping[int, StrPromise]" = {}
    can_be_redelivered: bool = False
    repeat_delay_seconds: float = 0

    def build(self, deliveries: Sequence[CallbackDelivery], now: datetime) -> Mapping[UUID, Message | CallbackResult]:
        """Return the message of each delivery by its id, or the result of an attempt that cannot be made."""
        raise NotImplementedError

    def erase_secrets(self, transaction_ids: Collection[UUID]) -> None:
        """Erase the secrets of deliveries that ended: they were delivered, or they are not retried.

        Called in the database transaction that records the end.
        """
