"""E1 and E2: the authentication types that are available to a user."""

from collections.abc import Iterable
from dataclasses import dataclass

from apps.enrollment import authenticators
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.system import services as system
from apps.transactions.methods.push.credentials import ACCEPTED_AUTHENTICATORS
from apps.transactions.types import PUSH_METHODS, Method, MobileAuthenticationType


@dataclass(frozen=True)
class AvailableType:
    """Available type with the profiles that it can push to. They are empty for OTP, SMS and a type that falls back."""

    mobile_type: MobileAuthenticationType
    profiles: list[Profile]
    sms_fallback_allowed: bool


def for_user(user_id: str) -> list[AvailableType]:
    """Return the types that are available on any device of the user. None without an enrolment."""
    return _available_types(list(enrollment.usable_profiles(user_id)))


def on_device(user_id: str, device_id: str) -> list[str]:
    """Return the names of the types that are available on one device of the user."""
    return _type_names(
        profile for profile in enrollment.usable_profiles(user_id) if profile.device.device_id == device_id
    )


def in_application(user_id: str, identifier: str) -> list[str]:
    """Return the names of the types that are available to the user in one application."""
    profiles = enrollment.usable_profiles(user_id).filter(device__version__application__identifier=identifier)
    return _type_names(profiles)


def _type_names(profiles: Iterable[Profile]) -> list[str]:
    return [available.mobile_type.name for available in _available_types(list(profiles))]


def _available_types(profiles: list[Profile]) -> list[AvailableType]:
    if not profiles:
        return []
    types = {mobile_type.pk: mobile_type for mobile_type in MobileAuthenticationType.objects.all()}
    for mobile_type in types.values():
        # All types are loaded, so that following the fallbacks needs no queries.
        mobile_type.fallback = types.get(mobile_type.fallback_id) if mobile_type.fallback_id else None
    available_types = [_availability(mobile_type, profiles) for mobile_type in types.values()]
    return [available for available in available_types if available]


def _availability(mobile_type: MobileAuthenticationType, profiles: list[Profile]) -> AvailableType | None:
    chain = mobile_type.fallback_chain()
    if not any(_is_usable(step, profiles) for step in chain):
        return None
    sms_allowed = any(step.method == Method.SMS and _is_usable(step, profiles) for step in chain[1:])
    return AvailableType(mobile_type, _reachable_profiles(mobile_type, profiles), sms_allowed)


def _is_usable(mobile_type: MobileAuthenticationType, profiles: list[Profile]) -> bool:
    if mobile_type.method == Method.SMS:
        return system.general().sms_authentication_enabled
    if mobile_type.method == Method.OTP:
        return any(mobile_type.allows(profile.device.version.platform) for profile in profiles)
    return bool(_reachable_profiles(mobile_type, profiles))


def _reachable_profiles(mobile_type: MobileAuthenticationType, profiles: list[Profile]) -> list[Profile]:
    """Return the profiles that a push type can reach, that it allows, and that have a required authenticator."""
    if mobile_type.method not in PUSH_METHODS or not system.general().push_authorization_enabled:
        return []
    needed = ACCEPTED_AUTHENTICATORS.get(mobile_type.method)
    return [
        profile
        for profile in profiles
        if enrollment.is_reachable(profile)
        and mobile_type.allows(profile.device.version.platform)
        and (not needed or authenticators.can_satisfy(profile, needed))
    ]
