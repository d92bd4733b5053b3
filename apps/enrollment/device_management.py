"""Queries and removals of users' devices, for support staff and the user API.

`actor` identifies the actor of an event: `client_id` of an API client, or `who` for a staff account or a command.
"""

from collections.abc import Collection, Sequence
from typing import Any, Unpack

import structlog
from django.db import DatabaseError, transaction
from django.db.models import QuerySet

from apps.applications.models import VersionStatus
from apps.common import errors
from apps.enrollment import authenticators, pulling, services
from apps.enrollment.models import AuthenticatorType, Device, Profile
from apps.events import services as events
from apps.events.facts import Actor, DeviceActionFacts, DeviceListFacts
from apps.events.types import EventType, EventTypes

log = structlog.get_logger(__name__)

TOKEN_TYPES: dict[str, str] = {
    AuthenticatorType.PIN: "DEFAULT",
    AuthenticatorType.FINGERPRINT: "FINGER_PRINT",
    AuthenticatorType.CUSTOM: "CUSTOM_AUTHENTICATOR",
}


def all_profiles(user_id: str) -> QuerySet[Profile]:
    """Return all profiles of a user, oldest device first, including those of disabled versions.

    The relations that `describe` uses are loaded; keys and push tokens are deferred.
    """
    return (
        Profile.objects.select_related(
            "push_enrollment",
            "server_key",
            "device__version__application",
            "device__version__push_messaging_configuration",
        )
        .prefetch_related("authenticators")
        .defer("public_key", "push_enrollment__token", "server_key__secret_key", "server_key__public_key")
        .filter(user_id=user_id)
        .order_by("device__created_at", "pk")
    )


def get_profile(user_id: str, device_id: str) -> Profile:
    """Return the user's profile on a device. Raises ObjectNotFound if the user has no such device."""
    profiles = profiles_on_devices(user_id, [device_id])
    if not profiles:
        raise errors.ObjectNotFound
    return profiles[0]


def profiles_on_devices(user_id: str, device_ids: Collection[str]) -> list[Profile]:
    """Return the user's profiles on the named devices. Unknown device ids are ignored."""
    ids = {device_id.upper() for device_id in device_ids}
    # Filtered in Python, because a user has few devices but a request can name any number.
    return [profile for profile in all_profiles(user_id) if profile.device.device_id in ids]


def describe(profile: Profile) -> dict[str, Any]:
    """Return the description of a profile's device, with the member names of version 4 of the user API."""
    device, version = profile.device, profile.device.version
    is_enabled = version.status != VersionStatus.DISABLED
    registered = {authenticator.type for authenticator in profile.authenticators.all()}
    return {
        "id": device.device_id,
        "name": device.name,
        "application": version.application.name,
        "model": device.model,
        "platform": version.platform,
        "osVersion": device.os_version,
        "createdAt": device.created_at,
        "lastLogin": device.last_login_at,
        "tokenTypes": [name for kind, name in TOKEN_TYPES.items() if kind in registered],
        # Devices of a disabled version count as not enrolled.
        "mobileAuthenticationEnabled": is_enabled and profile.has_keys,
        "pushAuthenticationEnabled": is_enabled and services.has_push(profile),
        "keyKind": profile.key_kind,
    }


def list_devices(user_id: str, **actor: Unpack[Actor]) -> list[dict[str, Any]]:
    """Describe the user's devices and record an event with the actor."""
    devices = [describe(profile) for profile in all_profiles(user_id)]
    facts = DeviceListFacts(user_id=user_id, devices=len(devices), **actor)
    events.record(EventTypes.API_DEVICES_LISTED, facts)
    return devices


def remove(profiles: Sequence[Profile], event_type: EventType[DeviceActionFacts], **actor: Unpack[Actor]) -> int:
    """Disconnect users from devices: delete their profiles with keys, authenticators and push tokens.

    A device is deleted with its last profile. Return the number of deleted profiles.
    """
    with transaction.atomic():
        removed = services.unenroll(*profiles)
        facts = [DeviceActionFacts(**profile.facts, **actor) for profile in removed]
        events.record_all([events.build(event_type, one) for one in facts])
    return len(removed)


def remove_each(
    profiles: Sequence[Profile], event_type: EventType[DeviceActionFacts], **actor: Unpack[Actor]
) -> list[Profile]:
    """Remove profiles like `remove`, but one by one if a deletion fails. Return the profiles that remain."""
    try:
        remove(profiles, event_type, **actor)
    except DatabaseError:
        return [profile for profile in profiles if not _try_remove(profile, event_type, **actor)]
    return []


def _try_remove(profile: Profile, event_type: EventType[DeviceActionFacts], **actor: Unpack[Actor]) -> bool:
    try:
        remove([profile], event_type, **actor)
    except DatabaseError as error:
        log.warning("device_not_deleted", device_id=profile.device.device_id, reason=type(error).__name__)
        return False
    return True


def revoke_push(profile: Profile, **actor: Unpack[Actor]) -> bool:
    """Delete the profile's push token, and its right to pull. One-time passwords stay available.

    Return True if push types could reach the profile before.
    """
    with transaction.atomic():
        if not pulling.revoke_push(profile):
            return False
        events.record(EventTypes.ADMIN_PUSH_ENROLLMENT_REVOKED, DeviceActionFacts(**profile.facts, **actor))
    return True


def revoke_mobile_authentication(profile: Profile, **actor: Unpack[Actor]) -> bool:
    """Delete the user's keys, authenticators and push token on a device. The device stays in the user's list.

    Return True if there were keys.
    """
    with transaction.atomic():
        if not services.remove_keys(profile):
            return False
        events.record(EventTypes.ADMIN_USER_CLIENT_KEYS_REVOKED, DeviceActionFacts(**profile.facts, **actor))
    return True


def disconnect(profile: Profile, **actor: Unpack[Actor]) -> bool:
    """Disconnect the user from the device. Return True if the user was connected."""
    return bool(remove([profile], EventTypes.ADMIN_USER_DISCONNECTED, **actor))


def profiles_of_device(device: Device) -> list[Profile]:
    """Return all profiles of a device, ordered by user."""
    users = Profile.objects.select_related("device__version__application").defer("public_key")
    return list(users.filter(device=device).order_by("user_id"))


def revoke_fingerprint(profile: Profile, **actor: Unpack[Actor]) -> bool:
    """Delete the profile's fingerprint authenticator. Return True if there was one."""
    return authenticators.revoke(profile, AuthenticatorType.FINGERPRINT, **actor)
