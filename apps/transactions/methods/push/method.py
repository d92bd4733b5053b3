"""Push: a message to a device of the user, which fetches the challenge and answers it."""

from collections.abc import Callable
from functools import partial

from django.utils.translation import gettext as _

from apps.common import codes
from apps.enrollment import authenticators
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.events.types import EventTypes
from apps.outbox import queues, wakeup
from apps.system import services as system
from apps.transactions.context import request_context
from apps.transactions.methods.base import (
    MethodRequest,
    MissingParameter,
    MissingSigningData,
    StartedTransaction,
    Unavailable,
    build,
    message_for,
    signing_data_for,
    store,
)
from apps.transactions.methods.push import code_to_phone, limits
from apps.transactions.methods.push.credentials import ACCEPTED_AUTHENTICATORS
from apps.transactions.models import PushDelivery, Transaction
from apps.transactions.request import messages
from apps.transactions.request.parameters import ApiVersion, AuthenticationRequest, is_signing_data_missing


def plan(step: MethodRequest) -> Callable[[], StartedTransaction]:
    """Find the device, and return the function that stores the transaction.

    Raises MissingParameter if the request does not identify one of several devices or lacks signing data, and
    Unavailable if no device can be used.
    """
    # Needed for a fallback: the parameters are validated for the requested type only.
    if is_signing_data_missing(step.request.signing_data, step.mobile_type):
        raise MissingSigningData(messages.missing_text("signing_data"))
    if not system.general().push_authorization_enabled:
        raise Unavailable(EventTypes.PUSH_AUTH_INIT_FAILURE_DISABLED)
    profile = choose_profile(step)
    if not _can_do(profile, step):
        raise Unavailable(EventTypes.PUSH_AUTH_INIT_FAILURE_AUTH_METHOD_NOT_AVAILABLE)
    return partial(_store, step, profile)


def choose_profile(step: MethodRequest) -> Profile:
    """Return the profile that the request identifies, by the rules of its API version or of its channel."""
    is_portal = step.request.channel is None
    profile = _PROFILE_FINDERS[step.request.version](step.request) if is_portal else _most_recently_used(step)
    if profile is None:
        raise Unavailable(EventTypes.PUSH_AUTH_INIT_FAILURE_NO_PUSH_ENROLLMENT)
    return profile


def _can_do(profile: Profile, step: MethodRequest) -> bool:
    """Return True if the type allows the device, and the profile has an authenticator that the type requires."""
    needed = ACCEPTED_AUTHENTICATORS.get(step.mobile_type.method)
    is_allowed = step.mobile_type.allows(profile.device.version.platform)
    return is_allowed and (not needed or authenticators.can_satisfy(profile, needed))


def _most_recently_used(step: MethodRequest) -> Profile | None:
    """Return the profile on the most recently used device that can do the type, else that on the last used device."""
    profiles = enrollment.RECENT_OF_USER.all(user_id=step.request.user_id)
    return next((profile for profile in profiles if _can_do(profile, step)), next(iter(profiles), None))


def _by_device(request: AuthenticationRequest) -> Profile | None:
    if not request.target and enrollment.reachable_by_push(request.user_id).exists():
        raise MissingParameter(messages.missing_text("device_id"), EventTypes.PUSH_AUTH_INIT_FAILURE_MISSING_DEVICE_ID)
    return enrollment.REACHABLE_ON_DEVICE.first(user_id=request.user_id, device_id=request.target)


def _by_application(request: AuthenticationRequest) -> Profile | None:
    if not request.target and enrollment.reachable_by_push(request.user_id).exists():
        raise MissingParameter(messages.missing_text("app_id"), EventTypes.PUSH_AUTH_INIT_FAILURE_MISSING_APP_ID)
    return enrollment.REACHABLE_IN_APPLICATION.first(user_id=request.user_id, identifier=request.target)


def _by_user(request: AuthenticationRequest) -> Profile | None:
    profiles = enrollment.REACHABLE_OF_USER.all(user_id=request.user_id)
    if len(profiles) > 1:
        text = _("The user has several push enrolments. Select one with device_id in version 4 of this API.")
        raise MissingParameter(text, EventTypes.PUSH_AUTH_INIT_FAILURE_MULTIPLE_PUSH_ENROLLMENTS)
    return profiles[0] if profiles else None


_PROFILE_FINDERS: dict[ApiVersion, Callable[[AuthenticationRequest], Profile | None]] = {
    ApiVersion.V2: _by_user,
    ApiVersion.V3: _by_application,
    ApiVersion.V4: _by_device,
}


def _store(step: MethodRequest, profile: Profile) -> StartedTransaction:
    limits.check(profile, is_new=True)
    message = message_for(step)
    context = request_context.from_request(step.request, message)
    transaction = build(
        step,
        context=context,
        profile=profile,
        device_id=profile.device.device_id,
        device_platform=profile.device.version.platform,
        app_name=profile.device.version.application.name,
        callback_uri=step.request.callback_uri,
        message=message,
        signing_data=signing_data_for(step),
        verification_number=codes.random_digits(step.mobile_type.number_matching_digits),
        **code_to_phone.fields_for(step),
    )
    # A browser that pulls finds the transaction in its list.
    pushes = [_delivery(transaction, profile)] if enrollment.has_push(profile) else []
    return store(step, transaction, EventTypes.PUSH_AUTH_INITIALIZED, *pushes, context=context)


def enqueue(transaction: Transaction, profile: Profile) -> None:
    """Store another push of a transaction, inside the caller's database transaction. Nothing, if the browser pulls."""
    if not enrollment.has_push(profile):
        return
    _delivery(transaction, profile).save()
    wakeup.notify_workers(queues.PUSH)


def _delivery(transaction: Transaction, profile: Profile) -> PushDelivery:
    destination = profile.device.version.destination()
    concurrency_key = destination.concurrency_key if destination else ""
    return PushDelivery(transaction=transaction, user_id=profile.user_id, concurrency_key=concurrency_key)
