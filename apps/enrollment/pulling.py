"""Browsers that pull: they list their requests themselves, so a push type can reach them without a push token.

A browser gets this right with its own enrolment, by the rules of the push enrolment mode. It loses it with its keys, if
support staff revoke push, or if another device takes its place.
"""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices

from apps.applications.models import ApplicationVersion
from apps.common.advisory_locks import acquire
from apps.enrollment.models import Device, Profile, PushEnrollment
from apps.events import services as events
from apps.events.types import EventTypes
from apps.push.models import Platform
from apps.system import services as system
from apps.system.models import PushEnrollmentMode

# Profiles that can be reached without a push token. The version of a device can change to another platform.
PULLING = Q(can_pull=True, device__version__platform=Platform.WEB)


class RequestDelivery(TextChoices):
    """Which device of a user gets the requests of an application: this one, another one, or none."""

    RECEIVED = "received"
    OTHER_DEVICE = "other_device"
    OFF = "off"


def is_pulling(profile: Profile) -> bool:
    """Return True if a push type can reach the profile without a push token."""
    return profile.can_pull and profile.device.version.platform == Platform.WEB


def request_delivery(profile: Profile) -> RequestDelivery:
    """Return whether a profile gets requests. Requires `annotate_others`."""
    if hasattr(profile, "push_enrollment") or is_pulling(profile):
        return RequestDelivery.RECEIVED
    return RequestDelivery.OTHER_DEVICE if profile.others_are_reachable else RequestDelivery.OFF


def annotate_others(profiles: QuerySet[Profile]) -> QuerySet[Profile]:
    """Add `others_are_reachable`: True if push types can reach the user on another device."""
    application = OuterRef("device__version__application")
    others = _reachable(OuterRef("user_id"), application).exclude(device=OuterRef("device"))
    return profiles.annotate(others_are_reachable=Exists(others))  # type: ignore[no-redef]


def _reachable(user_id: str | OuterRef, application: Any) -> QuerySet[Profile]:
    return Profile.objects.filter(user_id=user_id, device__version__application=application).filter(
        Q(push_enrollment__isnull=False) | PULLING
    )


def others_reachable(user_id: str, device: Device, version: ApplicationVersion) -> QuerySet[Profile]:
    """Return the user's profiles on other devices, in the same application, that push types can reach."""
    return _reachable(user_id, version.application_id).exclude(device=device).order_by("pk")


def lock(user_id: str) -> None:
    """Lock what `claim` reads, before the transaction locks or creates any profile of the user."""
    # Two new browsers have no common row that they could lock.
    acquire(f"pull {user_id}")
    list(Profile.objects.select_for_update().filter(user_id=user_id).order_by("pk").only("pk"))


def claim(user_id: str, device: Device, version: ApplicationVersion) -> bool:
    """Return True if the user's profile on a device may pull after an enrolment of its keys. Requires `lock`.

    One device at a time, unless the mode allows several: the first stays, or the newest replaces the others. A push
    enrolment of another device always stays, because an enrolment of keys alone never replaces it.
    """
    general = system.general()
    if not general.push_enrollment_enabled:
        return False
    if general.push_enrollment_mode == PushEnrollmentMode.MULTIPLE_DEVICES:
        return True
    others = others_reachable(user_id, device, version)
    if general.push_enrollment_mode == PushEnrollmentMode.SINGLE_DEVICE:
        return not others.exists()
    if others.filter(push_enrollment__isnull=False).exists():
        return False
    for other in others.select_related("device__version__application"):
        withdraw(other)
        events.record(EventTypes.PUSH_ENROLLMENT_DROP_EXISTING_PUSH_ENROLLMENT, other.facts)
    return True


def withdraw(profile: Profile) -> bool:
    """Take the right to pull from a profile. Return True if it had it."""
    return bool(Profile.objects.filter(pk=profile.pk, can_pull=True).update(can_pull=False))


def revoke_push(profile: Profile) -> bool:
    """Delete the push token of a profile, and its right to pull. Return True if it had either.

    Requires a database transaction.
    """
    # A profile is locked before its push token, as in `services.unenroll`.
    could_pull = withdraw(profile)
    return bool(PushEnrollment.objects.filter(profile=profile).delete()[0]) or could_pull
