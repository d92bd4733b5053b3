"""Enrolment of devices and users, and queries for their profiles."""

from dataclasses import dataclass, field
from typing import Any, Unpack

from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from apps.applications.models import Application, ApplicationVersion, VersionStatus
from apps.common import codes, errors
from apps.common.statements import AnyOf, Select
from apps.enrollment import fraud_locks, keys, pulling, server_keys
from apps.enrollment.models import Authenticator, Device, EnrollmentCode, Profile, PushEnrollment
from apps.events import failed_access
from apps.events import services as events
from apps.events.facts import Actor, EnrollmentCodeFacts, EnrollmentFailureFacts, ProfileFacts
from apps.events.types import EventType, EventTypes
from apps.push.models import Platform
from apps.system import services as system

CODE_PURPOSE = "enrollment code"
DEVICE_TOKEN_PURPOSE = "device token"

DEVICE_OF_TOKEN = Select(
    lambda hashes: Device.objects.select_related("version").filter(AnyOf("token_hash", hashes), profiles__isnull=False)[
        :1
    ]
)
PROFILE_ON_DEVICE = Select(
    lambda device, profile_id: fraud_locks.annotate(
        Profile.objects.select_related("device__version__application", "server_key")
    ).filter(device=device, profile_id=profile_id)
)

KEY_FAILURES: dict[type[errors.ApiError], EventType[EnrollmentFailureFacts]] = {
    errors.EnrollmentDisabled: EventTypes.KEY_ENROLLMENT_FAILURE_FEATURE_DISABLED,
    errors.InvalidEnrollmentCode: EventTypes.KEY_ENROLLMENT_FAILURE_INVALID_ENROLLMENT_CODE,
    errors.InvalidPublicKey: EventTypes.KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY,
    errors.VersionNotEnabled: EventTypes.KEY_ENROLLMENT_FAILURE_VERSION_NOT_ENABLED,
}


def create_enrollment_code(
    *, user_id: str, application_identifier: str, **actor: Unpack[Actor]
) -> tuple[str, EnrollmentCode]:
    """Create an enrolment code and return it with its row, which stores only the hash.

    `actor` identifies the actor of the event. Raises ObjectNotFound if the application does not exist.
    """
    application = Application.objects.filter(identifier=application_identifier).first()
    if application is None:
        raise errors.ObjectNotFound
    code = codes.enrollment_code()
    with transaction.atomic():
        row = EnrollmentCode.objects.create(
            code_hash=codes.keyed_hash(codes.canonical_enrollment_code(code), CODE_PURPOSE),
            user_id=user_id,
            application=application,
        )
        facts = EnrollmentCodeFacts(user_id=user_id, app_name=application.name, **actor)
        events.record(EventTypes.ENROLLMENT_CODE_CREATED, facts)
    return code, row


@dataclass(frozen=True)
class EnrollmentRequest:
    """Enrolment request of a device, with the description of the device. It has the member of one kind of keys."""

    enrollment_code: str
    application_id: str
    platform: str
    app_version: str
    device_name: str
    device_model: str = ""
    os_version: str = ""
    public_key: str = ""
    public_keys: dict[str, Any] = field(default_factory=dict)


def enroll(enrollment: EnrollmentRequest, *, bearer: str = "") -> tuple[Profile, str]:
    """Enrol a user's keys on a new device, or on the existing device of the device token `bearer`.

    Return the profile and the device token, which is empty for an existing device. A failed enrolment does not use
    the code.
    """
    try:
        with transaction.atomic():
            return _enroll(enrollment, bearer)
    except errors.ApiError as error:
        if event_type := KEY_FAILURES.get(type(error)):
            facts = EnrollmentFailureFacts(app_name=enrollment.application_id, reason=error.token)
            failed_access.record(event_type, facts, unverified=["app_name"])
        raise


def _enroll(enrollment: EnrollmentRequest, bearer: str) -> tuple[Profile, str]:
    if not system.general().enrollment_enabled:
        raise errors.EnrollmentDisabled
    device = get_device(bearer) if bearer else None
    code = _get_valid_code(enrollment)
    version = _get_enabled_version(enrollment, code.application)
    if device and device.version.application_id != code.application_id:
        raise errors.InvalidEnrollmentCode
    kind, key = keys.read_enrollment(vars(enrollment))
    if not EnrollmentCode.objects.filter(pk=code.pk, used_at=None).update(used_at=timezone.now()):
        raise errors.InvalidEnrollmentCode
    is_browser = version.platform == Platform.WEB
    if is_browser:
        pulling.lock(code.user_id)
    device, token = (
        (_update_device(device, enrollment, version, code), "") if device else _create_device(enrollment, version)
    )
    # A repeated enrolment of the user keeps the profile, replaces its keys and removes its authenticators.
    profile, _created = Profile.objects.update_or_create(
        device=device,
        user_id=code.user_id,
        defaults={
            "public_key": key.public_key,
            "fingerprint": key.fingerprint,
            "server_key": server_keys.for_enrollment(kind),
            "created_at": timezone.now(),
            "wrong_pins": 0,
            "can_pull": is_browser and pulling.claim(code.user_id, device, version),
        },
    )
    profile.authenticators.all().delete()
    facts = ProfileFacts(user_id=code.user_id, app_name=code.application.name)
    events.record(EventTypes.KEY_ENROLLMENT_SUCCESS, facts)
    return profile, token


def _get_valid_code(enrollment: EnrollmentRequest) -> EnrollmentCode:
    hashes = codes.hash_candidates(codes.canonical_enrollment_code(enrollment.enrollment_code), CODE_PURPOSE)
    rows = EnrollmentCode.objects.select_related("application").filter(
        code_hash__in=hashes,
        used_at=None,
        expires_at__gt=timezone.now(),
        application__identifier=enrollment.application_id,
    )
    code = rows.first()
    if code is None:
        raise errors.InvalidEnrollmentCode
    return code


def _get_enabled_version(enrollment: EnrollmentRequest, application: Application) -> ApplicationVersion:
    version = ApplicationVersion.objects.filter(
        application=application,
        platform=enrollment.platform,
        version=enrollment.app_version,
        status=VersionStatus.ENABLED,
    ).first()
    if version is None:
        raise errors.VersionNotEnabled
    return version


def _create_device(enrollment: EnrollmentRequest, version: ApplicationVersion) -> tuple[Device, str]:
    token = codes.random_token()
    token_hash = codes.keyed_hash(token, DEVICE_TOKEN_PURPOSE)
    return Device.objects.create(token_hash=token_hash, version=version, **_device_fields(enrollment)), token


def _update_device(
    device: Device, enrollment: EnrollmentRequest, version: ApplicationVersion, code: EnrollmentCode
) -> Device:
    """Update the description of a device. Raises InvalidDeviceToken if its last profile was removed meanwhile."""
    # The lock order is profile, then device, as in `unenroll`.
    list(Profile.objects.select_for_update().filter(device=device, user_id=code.user_id).only("pk"))
    if not Device.objects.filter(pk=device.pk).update(version=version, **_device_fields(enrollment)):
        raise errors.InvalidDeviceToken
    device.refresh_from_db()
    return device


def _device_fields(enrollment: EnrollmentRequest) -> dict[str, str]:
    return {
        "name": enrollment.device_name,
        "model": enrollment.device_model,
        "os_version": enrollment.os_version,
    }


def get_device(bearer: str) -> Device:
    """Return the device of a device token. Raises InvalidDeviceToken if it is unknown or has no profile."""
    hashes = codes.hash_candidates(bearer, DEVICE_TOKEN_PURPOSE)
    device = DEVICE_OF_TOKEN.first(hashes=hashes)
    if device is None:
        raise errors.InvalidDeviceToken
    if codes.needs_rehash(device.token_hash):
        # Only the device stores the token, so its hash can be renewed only now.
        Device.objects.filter(pk=device.pk, token_hash=device.token_hash).update(token_hash=hashes[0])
    return device


def get_profile(device: Device, profile_id: str) -> Profile:
    """Return a profile of this device with its keys and its fraud lock.

    Raises InvalidProfile if the device has no such profile, or if the keys of the profile were removed.
    """
    profile = _get_any_profile(device, profile_id)
    if not profile.has_keys:
        raise errors.InvalidProfile
    return profile


def _get_any_profile(device: Device, profile_id: str) -> Profile:
    profile = PROFILE_ON_DEVICE.first(device=device.pk, profile_id=profile_id)
    if profile is None:
        raise errors.InvalidProfile
    return profile


def require_enabled(version: ApplicationVersion) -> None:
    """Raise VersionNotEnabled for a disabled version, whose devices can only list and unenrol."""
    if version.status == VersionStatus.DISABLED:
        raise errors.VersionNotEnabled


def _usable_profiles(user_id: str) -> QuerySet[Profile]:
    """Return the user's profiles that can authenticate: with keys, on an enabled version, without a fraud lock."""
    return (
        Profile.objects.select_related("device__version__application", "device__version__push_messaging_configuration")
        .filter(~Exists(fraud_locks.for_profile()), user_id=user_id, server_key__isnull=False)
        .exclude(device__version__status=VersionStatus.DISABLED)
        .order_by("-created_at")
    )


def reachable_by_push(user_id: str) -> QuerySet[Profile]:
    """Return the user's profiles that a push type can reach: with a push token, or browsers that pull."""
    with_push = Q(push_enrollment__isnull=False, device__version__push_messaging_configuration__isnull=False)
    profiles = _usable_profiles(user_id).select_related("push_enrollment").defer("push_enrollment__token")
    return profiles.filter(with_push | pulling.PULLING)


REACHABLE_ON_DEVICE = Select(
    lambda user_id, device_id: reachable_by_push(user_id).filter(device__device_id=device_id)[:1]
)
REACHABLE_IN_APPLICATION = Select(
    lambda user_id, identifier: reachable_by_push(user_id).filter(device__version__application__identifier=identifier)[
        :1
    ]
)
# Two, to find out whether the user has several.
REACHABLE_OF_USER = Select(lambda user_id: reachable_by_push(user_id)[:2])
MAX_RECENT_PROFILES = 20
# The most recently used device first.
RECENT_OF_USER = Select(
    lambda user_id: reachable_by_push(user_id).order_by("-device__last_login_at", "-pk")[:MAX_RECENT_PROFILES]
)


def usable_profiles(user_id: str) -> QuerySet[Profile]:
    """Return the user's profiles that can authenticate, with the relations that availability checks."""
    return _usable_profiles(user_id).select_related("push_enrollment").prefetch_related("authenticators")


def has_push(profile: Profile) -> bool:
    """Return True if pushes can be sent to a profile."""
    return hasattr(profile, "push_enrollment") and profile.device.version.push_messaging_configuration is not None


def is_reachable(profile: Profile) -> bool:
    """Return True if a push type can reach a profile of `usable_profiles`, as in `reachable_by_push`."""
    return has_push(profile) or pulling.is_pulling(profile)


def unenroll_by_device(device: Device, profile_id: str) -> None:
    """Delete a profile, with or without keys, on request of its device. Raises InvalidProfile if it does not exist."""
    profile = _get_any_profile(device, profile_id)
    with transaction.atomic():
        if unenroll(profile):
            events.record(EventTypes.DEVICE_UNENROLLED, profile.facts)


def remove_keys(profile: Profile) -> bool:
    """Delete the keys, authenticators and push token of a profile, but not its row. Return True if it had keys."""
    with transaction.atomic():
        # The update locks the profile first, as push enrolment and PIN verification do.
        keys_of_profile = Profile.objects.filter(pk=profile.pk, server_key__isnull=False)
        if not keys_of_profile.update(public_key="", fingerprint="", server_key=None, can_pull=False):
            return False
        PushEnrollment.objects.filter(profile=profile).delete()
        Authenticator.objects.filter(profile=profile).delete()
    return True


def unenroll(*profiles: Profile) -> list[Profile]:
    """Delete profiles and return those that existed. A device is deleted with its last profile."""
    with transaction.atomic():
        rows = Profile.objects.filter(pk__in=[profile.pk for profile in profiles])
        # Push enrolment and PIN verification also lock the profile first.
        existing_ids = set(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        # Push tokens are next, in the lock order of push deliveries.
        PushEnrollment.objects.filter(profile__in=existing_ids).delete()
        Profile.objects.filter(pk__in=existing_ids).delete()
        devices = Device.objects.filter(pk__in=[profile.device_id for profile in profiles])
        # If the last two users unenrol concurrently, the second waits here until the first is deleted.
        list(devices.select_for_update().order_by("pk").values_list("pk"))
        devices.filter(profiles__isnull=True).delete()
    return [profile for profile in profiles if profile.pk in existing_ids]
