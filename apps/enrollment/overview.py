"""State of a device's profiles, for the screens of the app. It never includes a user id."""

from dataclasses import dataclass

from apps.applications.models import VersionStatus
from apps.enrollment import fraud_locks, pulling
from apps.enrollment.authenticators import enabled_types
from apps.enrollment.models import Authenticator, AuthenticatorType, Device, Profile


@dataclass(frozen=True)
class AuthenticatorState:
    """State of an authenticator: allowed by the application, and registered by the user."""

    type: AuthenticatorType
    authenticator_id: str
    allowed: bool
    registered: bool


@dataclass(frozen=True)
class ProfileState:
    """State of one profile. `max_pin_attempts` 0 means no limit."""

    profile_id: str
    application_id: str
    version_status: VersionStatus
    push_enrolled: bool
    requests: pulling.RequestDelivery
    locked: bool
    used_pin_attempts: int
    max_pin_attempts: int
    authenticators: list[AuthenticatorState]


def list_profiles(device: Device) -> list[ProfileState]:
    """Return the state of a device's profiles, oldest first, with a constant number of queries.

    Profiles without keys are excluded: the device must enrol the user again.
    """
    related = ("push_enrollment", "device__version__application")
    rows = Profile.objects.select_related(*related).prefetch_related("authenticators")
    rows = rows.filter(device=device, server_key__isnull=False).order_by("pk")
    return [_build_state(profile) for profile in pulling.annotate_others(fraud_locks.annotate(rows))]


def _build_state(profile: Profile) -> ProfileState:
    version = profile.device.version
    return ProfileState(
        profile_id=profile.profile_id,
        application_id=version.application.identifier,
        version_status=VersionStatus(version.status),
        push_enrolled=hasattr(profile, "push_enrollment"),
        requests=pulling.request_delivery(profile),
        locked=profile.is_locked,
        used_pin_attempts=profile.wrong_pins,
        max_pin_attempts=version.application.max_pin_attempts,
        authenticators=_list_authenticators(profile),
    )


def _list_authenticators(profile: Profile) -> list[AuthenticatorState]:
    """Return PIN, fingerprint and the listed custom authenticators, then registered ones that are not listed."""
    registered = {_identify(authenticator) for authenticator in profile.authenticators.all()}
    custom = [(AuthenticatorType.CUSTOM, each) for each in profile.device.version.application.custom_authenticators]
    known = [(AuthenticatorType.PIN, ""), (AuthenticatorType.FINGERPRINT, ""), *custom]
    enabled = enabled_types(profile)
    return [
        AuthenticatorState(
            type=name[0],
            authenticator_id=name[1],
            allowed=name in known and name[0] in enabled,
            registered=name in registered,
        )
        for name in [*known, *sorted(registered - set(known))]
    ]


def _identify(authenticator: Authenticator) -> tuple[AuthenticatorType, str]:
    return AuthenticatorType(authenticator.type), authenticator.authenticator_id
