"""Arguments of the commands that manage a user's device."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.common import errors
from apps.enrollment import device_management
from apps.enrollment.models import Profile


def add_arguments(parser: CommandParser) -> None:
    parser.add_argument("user", metavar="USER", help=_("user id"))
    parser.add_argument("device", metavar="DEVICE", help=_("device id, as printed by list_devices"))


def get_profile(options: dict[str, Any]) -> Profile:
    """Return the user's profile on the device. Raises CommandError if the user has no such device."""
    try:
        return device_management.get_profile(options["user"], options["device"])
    except errors.ObjectNotFound:
        raise CommandError(_("The user “%(user)s” has no device with this id.") % {"user": options["user"]}) from None


def placeholders(profile: Profile) -> dict[str, str]:
    """Return the values of the placeholders in messages about a profile."""
    return {"user": profile.user_id, "device": profile.device.name}
