"""Push: a message to the user's phone, which fetches the challenge and answers it."""

from collections.abc import Callable
from functools import partial

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.common import codes
from apps.enrollment import authenticators
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events.types import EventType
from apps.outbox import wakeup
from apps.system import services as system
from apps.transactions import tasks
from apps.transactions.context import compose as contexts
from apps.transactions.methods.base import (
    Ask,
    MissingParameter,
    Started,
    Unavailable,
    create,
    message_of,
    signing_data_of,
)
from apps.transactions.methods.push import limits
from apps.transactions.methods.push.credentials import ACCEPTED
from apps.transactions.models import PushDelivery, Transaction
from apps.transactions.request import messages, targets
from apps.transactions.request.parameters import Request, Version, lacks_signing_data


def plan(ask: Ask) -> Callable[[], Started]:
    """Find the phone, and return what stores the transaction.

    Raises MissingParameter if the request does not say which of several or has nothing to sign, Unavailable if there is
    none.
    """
    # For a fallback; of the requested type, this is known already.
    if lacks_signing_data(ask.request.signing_data, ask.mobile_type):
        event_type = EventType.MOBILE_AUTH_INIT_FAILURE_INVALID_REQ
        raise MissingParameter(messages.missing("signing_data"), event_type)
    if not system.general().push_authorization_enabled:
        raise Unavailable(EventType.PUSH_AUTH_INIT_FAILURE_DISABLED)
    profile = choose(ask)
    needed = ACCEPTED.get(ask.mobile_type.method)
    if needed and not authenticators.can_satisfy(profile, needed):
        raise Unavailable(EventType.PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE)
    return partial(_store, ask, profile)


def choose(ask: Ask) -> Profile:
    """Return the profile that the request means, by the rules of its version of the API."""
    reachable = enrollment.reachable_by_push(ask.request.user_id)
    chosen = _CHOICES[ask.request.version](reachable, ask.request)
    if chosen is None:
        raise Unavailable(EventType.PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT)
    return chosen


def _by_device(reachable: QuerySet[Profile], request: Request) -> Profile | None:
    if not request.target and reachable.exists():
        raise MissingParameter(messages.missing("device_id"), EventType.PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID)
    return targets.meant(reachable, request).first()


def _by_application(reachable: QuerySet[Profile], request: Request) -> Profile | None:
    if not request.target and reachable.exists():
        raise MissingParameter(messages.missing("app_id"), EventType.PUSH_AUTH_INIT_FAILURE_MISSING_APP_ID)
    return targets.meant(reachable, request).first()


def _by_user(reachable: QuerySet[Profile], _request: Request) -> Profile | None:
    found = list(reachable[:2])
    if len(found) > 1:
        text = _("The user has several push enrolments. Say which with device_id in version 4 of this API.")
        raise MissingParameter(text, EventType.PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS)
    return found[0] if found else None


_CHOICES: dict[Version, Callable[[QuerySet[Profile], Request], Profile | None]] = {
    Version.V2: _by_user,
    Version.V3: _by_application,
    Version.V4: _by_device,
}


def _store(ask: Ask, profile: Profile) -> Started:
    limits.check(profile, is_new=True)
    message = message_of(ask)
    transaction = create(
        ask,
        EventType.PUSH_AUTH_INITIALIZED,
        context=contexts.of(ask.request, message),
        profile=profile,
        device_id=profile.device.device_id,
        app_name=profile.device.version.application.name,
        callback_uri=ask.request.callback_uri,
        message=message,
        signing_data=signing_data_of(ask),
        verification_number=codes.digits(ask.mobile_type.number_matching_digits),
    )
    enqueue(transaction, profile)
    return Started(transaction)


def enqueue(transaction: Transaction, profile: Profile) -> None:
    """Store a push for sending, inside the caller's database transaction."""
    destination = profile.device.version.destination()
    PushDelivery.objects.create(
        transaction=transaction, user_id=profile.user_id, lane=destination.lane if destination else ""
    )
    wakeup.notify_workers(PushDelivery, tasks.deliver_pushes.delay)
