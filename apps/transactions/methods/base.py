"""What the methods share: the question, the plan, and the reason why a method cannot start."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import codes, errors
from apps.events import metrics
from apps.events import services as events
from apps.events.types import EventType
from apps.transactions.context import request_context
from apps.transactions.context.request_context import Context
from apps.transactions.models import Transaction
from apps.transactions.request import messages, parameters
from apps.transactions.request.parameters import AuthenticationRequest
from apps.transactions.types import MobileAuthenticationType

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Unavailable(Exception):
    """A method cannot be initialised for this user; the type's fallback may be."""

    def __init__(self, event_type: EventType) -> None:
        super().__init__(event_type)
        self.event_type = event_type


class MissingParameter(errors.InvalidParameter):
    """A request that lacks what one step of the chain needs; `event_type` says which, for support."""

    def __init__(self, text: str, event_type: EventType) -> None:
        super().__init__(text)
        self.event_type = event_type


class LimitExceeded(errors.LimitReached):
    """A limit of what may be sent to a user. `limit` is its name in the configuration file, `event_type` its event."""

    def __init__(self, limit: str, seconds: float, text: "StrPromise", event_type: EventType) -> None:
        super().__init__(seconds, text)
        self.limit, self.event_type = limit, event_type


@dataclass(frozen=True)
class MethodRequest:
    """One step of the chain: the request, by whom, and the type that is tried (the requested one or a fallback)."""

    request: AuthenticationRequest
    client: ApiClient
    mobile_type: MobileAuthenticationType

    @property
    def is_fallback(self) -> bool:
        return self.mobile_type.pk != self.request.mobile_type.pk


@dataclass(frozen=True)
class StartedTransaction:
    """A stored transaction; `otp` is told only now."""

    transaction: Transaction
    otp: str = ""


# Says that a method can start by returning what stores it, or raises Unavailable (or an error of the API).
Plan = Callable[[MethodRequest], Callable[[], StartedTransaction]]


def message_for(step: MethodRequest) -> str:
    """Return the text of this step: the given one, else its type's default, else that of the requested type."""
    given = step.request.explicit_message or messages.default(step.mobile_type, step.request.language)
    return given or step.request.message


def signing_data_for(step: MethodRequest) -> str:
    """Return what the device is to sign: only for types that ask for a signature, while the feature is on."""
    return step.request.signing_data if parameters.requires_signature(step.mobile_type) else ""


def create(step: MethodRequest, event_type: EventType, *, context: Context | None = None, **fields: Any) -> Transaction:
    """Store the transaction with its events, inside the caller's database transaction.

    `context` is what the user is told about where the request came from.
    """
    now = timezone.now()
    transaction = Transaction.objects.create(
        client=step.client,
        type_name=step.mobile_type.name,
        method=step.mobile_type.method,
        user_id=step.request.user_id,
        token=codes.random_token(),
        max_resends=step.mobile_type.max_resends,
        created_at=now,
        expires_at=now + timedelta(seconds=step.mobile_type.time_to_live),
        **fields,
        **(context.fields if context else {}),
    )
    started = events.build(
        event_type,
        **transaction.event_fields,
        type=step.request.mobile_type.name,
        resolved_type=step.mobile_type.name,
        method=transaction.method,
    )
    events.record_all([started, *(context.events(transaction) if context else [])])
    metrics.increment(metrics.STARTED, [(str(transaction.method),)])
    if context and context.origin:
        request_context.enqueue(transaction, context.origin)
    return transaction
