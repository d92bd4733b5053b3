"""What commands about a user's device are told."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.common import errors
from apps.enrollment import device_management
from apps.enrollment.models import Profile


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("user", metavar="USER", help=_("the user's id"))
    parser.add_argument("device", metavar="DEVICE", help=_("the device's id, as list_devices prints it"))


def get_profile(options: dict[str, Any]) -> Profile:
    """Return the user's profile on the device; CommandError when the user has no such device."""
    try:
        return device_management.get_profile(options["user"], options["device"])
    except errors.ObjectNotFound:
        raise CommandError(_("The user “%(user)s” has no device with this id.") % {"user": options["user"]}) from None


def placeholders(profile: Profile) -> dict[str, str]:
    """Return what a sentence about the profile calls it."""
    return {"user": profile.user_id, "device": profile.device.name}
