"""Common parts of the methods: the request, the plan, and the errors if a method cannot be initialised."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from apps.applications.models import ApiClient
from apps.common import codes, errors, statements
from apps.events import metrics
from apps.events import services as events
from apps.events.facts import DeliveryFact, LimitFacts, RequestFacts, StaffActor, StartFacts, UnavailableTypeFacts
from apps.events.types import EventType
from apps.outbox import queues, wakeup
from apps.outbox.models import Delivery
from apps.transactions.context import request_context
from apps.transactions.context.request_context import Context
from apps.transactions.models import Transaction
from apps.transactions.request import messages, parameters
from apps.transactions.request.parameters import AuthenticationRequest
from apps.transactions.types import PUSH_METHODS, MobileAuthenticationType

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


class Unavailable(Exception):
    """The method cannot be initialised for this user. The fallback of the type is tried next."""

    def __init__(self, event_type: EventType[UnavailableTypeFacts]) -> None:
        super().__init__(event_type)
        self.event_type = event_type


class MissingParameter(errors.InvalidParameter):
    """A parameter that one step of the fallbacks requires is missing. `event_type` names it for support staff."""

    def __init__(self, text: str, event_type: EventType[UnavailableTypeFacts]) -> None:
        super().__init__(text)
        self.event_type = event_type


class MissingSigningData(errors.InvalidParameter):
    """The request has no signing data, but a fallback requires it."""


class LimitExceeded(errors.LimitReached):
    """A limit of pushes or SMS is reached. `limit` is its name in the configuration file, `event_type` its event."""

    def __init__(self, limit: str, seconds: float, text: "StrPromise", event_type: EventType[LimitFacts]) -> None:
        super().__init__(seconds, text)
        self.limit, self.event_type = limit, event_type


@dataclass(frozen=True)
class MethodRequest:
    """One step of the fallbacks: the request, its API client, and the type to try (the requested one or a fallback).

    `actor` is the staff account that makes the request in place of the client.
    """

    request: AuthenticationRequest
    client: ApiClient
    mobile_type: MobileAuthenticationType
    actor: StaffActor = field(default_factory=StaffActor)

    @property
    def is_fallback(self) -> bool:
        return self.mobile_type.pk != self.request.mobile_type.pk

    @property
    def facts(self) -> RequestFacts:
        return RequestFacts(user_id=self.request.user_id, client_id=self.client.client_id, **self.actor)


@dataclass(frozen=True)
class StartedTransaction:
    """Stored transaction. `otp` is the scannable one-time password, which is not stored."""

    transaction: Transaction
    otp: str = ""


# Returns a function that stores the transaction. Raises Unavailable or an error of the API if the method cannot start.
Plan = Callable[[MethodRequest], Callable[[], StartedTransaction]]


def message_for(step: MethodRequest) -> str:
    """Return the message of this step: of the request, else the default of its type or of the requested type."""
    message = step.request.explicit_message or messages.default_message(step.mobile_type, step.request.language)
    return message or step.request.message


def signing_data_for(step: MethodRequest) -> str:
    """Return the signing data, or nothing if the type requires no signature or the feature is off."""
    return step.request.signing_data if parameters.requires_signature(step.mobile_type) else ""


def build(step: MethodRequest, *, context: Context | None = None, **fields: Any) -> Transaction:
    """Return the unsaved transaction of this step."""
    now = timezone.now()
    channel, lifetime = step.request.channel, float(step.mobile_type.time_to_live)
    if channel and channel.max_lifetime_seconds is not None:
        lifetime = min(lifetime, channel.max_lifetime_seconds)
    return Transaction(
        client=step.client,
        type_name=step.mobile_type.name,
        method=step.mobile_type.method,
        user_id=step.request.user_id,
        token=codes.random_token(),
        max_resends=step.mobile_type.max_resends,
        created_at=now,
        expires_at=now + timedelta(seconds=lifetime),
        callback_kind=step.request.callback_kind,
        **fields,
        **(context.fields if context else {}),
    )


def store(
    step: MethodRequest,
    transaction: Transaction,
    event_type: EventType[StartFacts],
    *deliveries: Delivery,
    context: Context | None = None,
    otp: str = "",
) -> StartedTransaction:
    """Store the transaction with its events and deliveries together, and notify the workers after the commit."""
    is_pulled = transaction.method in PUSH_METHODS and not deliveries
    facts = StartFacts(
        **transaction.facts,
        type=step.request.mobile_type.name,
        resolved_type=step.mobile_type.name,
        method=transaction.method,
        **step.actor,
        **(DeliveryFact(delivery="pull") if is_pulled else DeliveryFact()),
    )
    recorded = [events.build(event_type, facts), *(context.events(transaction) if context else [])]
    if context and context.origin:
        deliveries = (*deliveries, request_context.build_lookup(transaction, context.origin))
    statements.insert(transaction, *recorded, *deliveries)
    events.count_and_log(recorded)
    metrics.increment(metrics.STARTED, [(str(transaction.method),)])
    for delivery in deliveries:
        wakeup.notify_workers(queues.of(delivery))
    return StartedTransaction(transaction, otp)
