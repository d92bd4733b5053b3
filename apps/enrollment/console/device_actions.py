"""Actions of support staff on users' devices. Each has a confirmation page and calls one service function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.common.console.confirmations import Confirmation
from apps.enrollment import device_management
from apps.enrollment.models import Device, Profile
from apps.events.types import EventTypes

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class DeviceAction:
    """Action on one user of one device. The texts contain the placeholders `user` and `device`.

    `execute` gets the profile and the name of the staff account, and returns True if it changed anything.
    """

    title: "StrPromise"
    icon: str
    heading: "StrPromise"
    paragraphs: "tuple[StrPromise, ...]"
    success_text: "StrPromise"
    execute: Callable[[Profile, str], bool]
    removes_profile: bool = True


OTHERS_NOT_AFFECTED = _("Other users of the device and other devices of the user are not affected.")
ENROLL_AGAIN = _("To use the app again, the user must enrol again.")

DISCONNECT = DeviceAction(
    title=_("Disconnect user from device"),
    icon="link_off",
    heading=_("Disconnect “%(user)s” from “%(device)s”?"),
    paragraphs=(
        _("The user's keys, authenticators and push token on this device are deleted."),
        OTHERS_NOT_AFFECTED,
        ENROLL_AGAIN,
    ),
    success_text=_("“%(user)s” was disconnected from “%(device)s”."),
    execute=lambda profile, who: device_management.disconnect(profile, who=who),
)
REVOKE_MOBILE_AUTHENTICATION = DeviceAction(
    title=_("Revoke mobile authentication"),
    icon="key_off",
    heading=_("Revoke mobile authentication of “%(user)s” on “%(device)s”?"),
    paragraphs=(
        _("The user's keys, authenticators and push token on this device are deleted. The device stays in the list."),
        OTHERS_NOT_AFFECTED,
        _("The device token stays valid. The app can enrol the user again with the same profile ID."),
    ),
    success_text=_("The keys of “%(user)s” on “%(device)s” were deleted."),
    execute=lambda profile, who: device_management.revoke_mobile_authentication(profile, who=who),
    removes_profile=False,
)
REVOKE_PUSH = DeviceAction(
    title=_("Revoke push notifications"),
    icon="notifications_off",
    heading=_("Revoke push notifications of “%(user)s” on “%(device)s”?"),
    paragraphs=(
        _("The push token is deleted, so the device gets no pushes for the user. One-time passwords stay available."),
        _("A browser that fetches its requests without a push token gets no more requests either."),
        _("The app can enrol for push again without the user."),
    ),
    success_text=_("Push notifications of “%(user)s” on “%(device)s” were revoked."),
    execute=lambda profile, who: device_management.revoke_push(profile, who=who),
    removes_profile=False,
)


def placeholders(profile: Profile) -> dict[str, str]:
    """Return the values of the placeholders in texts about a profile."""
    return {"user": profile.user_id, "device": profile.device.name}


def build_confirmation(action: DeviceAction, profile: Profile, back_url: str) -> Confirmation:
    heading = action.heading % placeholders(profile)
    return Confirmation(
        title=action.title,
        heading=heading,
        paragraphs=action.paragraphs,
        icon=action.icon,
        back_url=back_url,
        button_label=action.title,
    )


def build_device_confirmation(profiles: Sequence[Profile], device: Device, back_url: str) -> Confirmation:
    """Return the confirmation for deleting a device. Its state token changes if the users of the device change."""
    heading = ngettext(
        "Delete “%(device)s” and disconnect its user?",
        "Delete “%(device)s” and disconnect its %(count)d users?",
        len(profiles),
    )
    return Confirmation(
        title=_("Delete mobile device"),
        heading=heading % {"device": device.name, "count": len(profiles)},
        paragraphs=[
            _("The device token and the keys, authenticators and push tokens of these users on the device are deleted:")
        ],
        items=[profile.user_id for profile in profiles],
        warning=ENROLL_AGAIN,
        icon="delete",
        back_url=back_url,
        button_label=_("Delete mobile device"),
        state_token=sha256(",".join(str(profile.pk) for profile in profiles).encode()).hexdigest(),
    )


def delete_device(profiles: Sequence[Profile], device: Device, who: str) -> str:
    """Remove users from a device, which is deleted with the last user, and return the success message."""
    count = device_management.remove(profiles, EventTypes.ADMIN_DEVICE_DELETED, who=who)
    text = ngettext(
        "“%(device)s” was deleted and %(count)d user was disconnected.",
        "“%(device)s” was deleted and %(count)d users were disconnected.",
        count,
    )
    return text % {"device": device.name, "count": count}
