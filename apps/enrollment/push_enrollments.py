"""Push enrolments: store, replace and delete the push token of a profile."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.applications.models import ApplicationVersion
from apps.common import codes, errors
from apps.enrollment import pulling, services
from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.events import services as events
from apps.events.facts import ProfileFacts, PushEnrollmentFailureFacts
from apps.events.types import EventType, EventTypes
from apps.push.models import Kind, Platform, PushMessagingConfiguration
from apps.push.providers.web_push import subscriptions
from apps.system import services as system
from apps.system.models import PushEnrollmentMode

PUSH_TOKEN_PURPOSE = "push token"

PUSH_FAILURES: dict[type[errors.ApiError], EventType[PushEnrollmentFailureFacts]] = {
    errors.EnrollmentDisabled: EventTypes.PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED,
    errors.VersionNotEnabled: EventTypes.PUSH_ENROLLMENT_FAILURE_FEATURE_DISABLED,
    errors.PushTokenInUse: EventTypes.PUSH_ENROLLMENT_FAILURE_EXISTING_PUSH_TOKEN,
    errors.UserAlreadyEnrolled: EventTypes.PUSH_ENROLLMENT_FAILURE_USER_ALREADY_ENROLLED,
    errors.InvalidProfile: EventTypes.PUSH_ENROLLMENT_FAILURE_KEYS_NOT_EXCHANGED,
}


def enroll(device: Device, profile_id: str, push_token: str) -> None:
    """Enrol a profile of a device for push, according to the push enrolment mode."""
    profile = None
    try:
        profile = services.get_profile(device, profile_id)
        push_token = _validated(push_token, profile.device.version)
        with transaction.atomic():
            _enroll(profile, push_token)
    except errors.InvalidRequest:
        raise
    except errors.ApiError as error:
        events.record(
            PUSH_FAILURES[type(error)],
            PushEnrollmentFailureFacts(
                user_id=profile.user_id if profile else "",
                app_name=device.version.application.name,
                device_id=device.device_id,
                reason=error.token,
            ),
        )
        raise


def _validated(push_token: str, version: ApplicationVersion) -> str:
    """Return a push token as it is stored. Raises InvalidRequest if Web Push cannot be sent to it.

    Waits for the name server: not to be called within a database transaction.
    """
    configuration = version.push_messaging_configuration
    if configuration is None or configuration.kind != Kind.WEB_PUSH:
        return push_token
    try:
        subscription = subscriptions.parse(push_token)
        subscriptions.validate_address(subscription)
    except ValidationError as error:
        raise errors.InvalidRequest(" ".join(error.messages)) from None
    return subscription.token


def hash_candidates(push_token: str) -> list[str]:
    """Return the keyed hashes of a push token. Two subscriptions with one endpoint have the same hashes."""
    return codes.hash_candidates(subscriptions.identity(push_token), PUSH_TOKEN_PURPOSE)


def _enroll(profile: Profile, push_token: str) -> None:
    general, version = system.general(), profile.device.version
    services.require_enabled(version)
    configuration = version.push_messaging_configuration
    if not (general.enrollment_enabled and general.push_enrollment_enabled and configuration):
        raise errors.EnrollmentDisabled
    if profile not in _lock_push_enrollment([profile.user_id], configuration):
        # The profile or its keys were removed since it was read.
        raise errors.InvalidProfile
    hashes = hash_candidates(push_token)
    if PushEnrollment.objects.filter(token_hash__in=hashes).exclude(profile__device=profile.device_id).exists():
        raise errors.PushTokenInUse
    _apply_mode(profile, general.push_enrollment_mode)
    # Saved as a row, because the encryption of the token is bound to its row.
    row = PushEnrollment.objects.filter(profile=profile).first() or PushEnrollment(profile=profile)
    row.token, row.token_hash, row.enrolled_at = push_token, hashes[0], timezone.now()
    row.save()
    if version.platform == Platform.WEB:
        # If its push token becomes invalid, the browser pulls.
        Profile.objects.filter(pk=profile.pk).update(can_pull=True)
    facts = ProfileFacts(user_id=profile.user_id, app_name=version.application.name)
    events.record(EventTypes.PUSH_ENROLLMENT_SUCCESS, facts)


def _lock_push_enrollment(user_ids: Collection[str], configuration: PushMessagingConfiguration | None) -> list[Profile]:
    """Lock the rows that concurrent enrolments of a token or user change, and return the profiles that have keys.

    Profiles are locked in the order of their primary keys, as in all other functions.
    """
    # A push token belongs to the project of one configuration. The lock does not block rows that refer to it.
    if configuration:
        list(PushMessagingConfiguration.objects.select_for_update(no_key=True).filter(pk=configuration.pk).only("pk"))
    rows = Profile.objects.select_for_update().filter(user_id__in=user_ids).order_by("pk").only("pk", "server_key")
    return [profile for profile in rows if profile.has_keys]


def _apply_mode(profile: Profile, mode: str) -> None:
    if mode == PushEnrollmentMode.MULTIPLE_DEVICES:
        return
    others = pulling.others_reachable(profile.user_id, profile.device, profile.device.version)
    if mode == PushEnrollmentMode.SINGLE_DEVICE and others.exists():
        raise errors.UserAlreadyEnrolled
    for other in others.select_related("device__version__application"):
        pulling.revoke_push(other)
        events.record(EventTypes.PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT, other.facts)


def replace_token(device: Device, old: str, new: str) -> None:
    """Replace a push token for all profiles of a device.

    Raises InvalidRequest if the device does not have the old token or the new one is invalid, PushTokenInUse if another
    device has the new one.
    """
    new = _validated(new, device.version)
    with transaction.atomic():
        user_ids = list(Profile.objects.filter(device=device).values_list("user_id", flat=True))
        _lock_push_enrollment(user_ids, device.version.push_messaging_configuration)
        rows = list(
            PushEnrollment.objects.select_related("profile__device__version__application")
            .filter(profile__device=device, token_hash__in=hash_candidates(old))
            .order_by("pk")
        )
        if not rows:
            raise errors.InvalidRequest(_("old_push_token is not a push token of this device."))
        hashes = hash_candidates(new)
        if PushEnrollment.objects.filter(token_hash__in=hashes).exclude(profile__device=device).exists():
            raise errors.PushTokenInUse
        for row in rows:
            row.token, row.token_hash, row.enrolled_at = new, hashes[0], timezone.now()
            row.save()
            facts = ProfileFacts(user_id=row.profile.user_id, app_name=device.version.application.name)
            events.record(EventTypes.PUSH_TOKEN_REPLACED, facts)


def remove_dead_token(
    push_enrollment: PushEnrollment, *, sent_at: datetime, dead_since: datetime | None = None
) -> None:
    """Delete a push token that the provider reports as invalid, unless it was enrolled later. The keys stay."""
    profile = push_enrollment.profile
    with transaction.atomic():
        old = PushEnrollment.objects.filter(pk=push_enrollment.pk, enrolled_at__lte=_invalid_at(sent_at, dead_since))
        if old.delete()[0]:
            events.record(EventTypes.PUSH_ENROLLMENT_DROP_DEAD_PUSH_TOKEN, profile.facts)


def has_newer_token(push_enrollment: PushEnrollment, *, sent_at: datetime, dead_since: datetime | None = None) -> bool:
    """Return True if the device has enrolled a newer token than the one that the provider reports as invalid."""
    newer = PushEnrollment.objects.filter(enrolled_at__gt=_invalid_at(sent_at, dead_since))
    return newer.filter(profile=push_enrollment.profile_id).exists()


def _invalid_at(sent_at: datetime, dead_since: datetime | None) -> datetime:
    """Return the time to which the provider's response applies. It does not apply to tokens enrolled later."""
    return min(sent_at, dead_since or sent_at)
