"""What support staff take from users' devices in the console: each asks first, and is one call of a service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.common.console.confirmations import Confirmation
from apps.enrollment import device_management
from apps.enrollment.models import Device, Profile
from apps.events.types import EventType

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class DeviceAction:
    """Something done to one user on one device. The texts have the places `user` and `device`.

    `do` takes the profile and the staff account's name and says whether there was anything to do.
    """

    title: "StrPromise"
    icon: str
    heading: "StrPromise"
    texts: "tuple[StrPromise, ...]"
    success_text: "StrPromise"
    execute: Callable[[Profile, str], bool]
    removes_profile: bool = True


OTHERS_STAY = _("Other users of the device and the user's other devices are left alone.")
ENROLL_AGAIN = _("To use the app again the user has to enrol it again.")

DISCONNECT = DeviceAction(
    title=_("Disconnect user from device"),
    icon="link_off",
    heading=_("Disconnect “%(user)s” from “%(device)s”?"),
    texts=(
        _("The app on this device forgets the user: keys, authenticators and push token are removed here."),
        OTHERS_STAY,
        ENROLL_AGAIN,
    ),
    success_text=_("“%(user)s” is disconnected from “%(device)s”."),
    execute=lambda profile, who: device_management.disconnect(profile, who=who),
)
REVOKE_MOBILE_AUTHENTICATION = DeviceAction(
    title=_("Revoke mobile authentication"),
    icon="key_off",
    heading=_("Revoke mobile authentication of “%(user)s” on “%(device)s”?"),
    texts=(
        _("The user's keys, authenticators and push token on this device are removed. The device stays in the list."),
        OTHERS_STAY,
        _("The app keeps its access and can enrol the user again: the profile ID stays the same."),
    ),
    success_text=_("The keys of “%(user)s” on “%(device)s” are gone."),
    execute=lambda profile, who: device_management.revoke_mobile_authentication(profile, who=who),
    removes_profile=False,
)
REVOKE_PUSH = DeviceAction(
    title=_("Revoke push notifications"),
    icon="notifications_off",
    heading=_("Revoke push notifications of “%(user)s” on “%(device)s”?"),
    texts=(
        _("The push token is removed, so that no push reaches the user on this device. One-time passwords go on."),
        _("The app can enrol for push again by itself."),
    ),
    success_text=_("No push reaches “%(user)s” on “%(device)s” any more."),
    execute=lambda profile, who: device_management.revoke_push(profile, who=who),
    removes_profile=False,
)


def placeholders(profile: Profile) -> dict[str, str]:
    """Return what the places in the texts stand for."""
    return {"user": profile.user_id, "device": profile.device.name}


def confirmation(action: DeviceAction, profile: Profile, back: str) -> Confirmation:
    heading = action.heading % placeholders(profile)
    return Confirmation(
        title=action.title,
        heading=heading,
        paragraphs=action.texts,
        icon=action.icon,
        back_url=back,
        button_label=action.title,
    )


def device_confirmation(profiles: Sequence[Profile], device: Device, back: str) -> Confirmation:
    """Ask about a device and everybody on it. The mark changes when other users share it than those who are named."""
    heading = ngettext(
        "Delete “%(device)s” and disconnect its user?",
        "Delete “%(device)s” and disconnect its %(count)d users?",
        len(profiles),
    )
    return Confirmation(
        title=_("Delete mobile device"),
        heading=heading % {"device": device.name, "count": len(profiles)},
        paragraphs=[
            _("The device's own token dies, and with it the keys, authenticators and push tokens of these users on it:")
        ],
        items=[profile.user_id for profile in profiles],
        warning=ENROLL_AGAIN,
        icon="delete",
        back_url=back,
        button_label=_("Delete mobile device"),
        state_token=sha256(",".join(str(profile.pk) for profile in profiles).encode()).hexdigest(),
    )


def delete_device(profiles: Sequence[Profile], device: Device, who: str) -> str:
    """Remove these users from the device, and with the last of them the device; returns what to tell about it."""
    count = device_management.remove(profiles, EventType.ADMIN_DEVICE_DELETED, who=who)
    text = ngettext(
        "“%(device)s” is deleted: %(count)d user is disconnected.",
        "“%(device)s” is deleted: %(count)d users are disconnected.",
        count,
    )
    return text % {"device": device.name, "count": count}
