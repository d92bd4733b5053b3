from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand, terminal_safe
from apps.enrollment import device_management
from apps.enrollment.management import arguments
from apps.events.types import EventTypes


class Command(OneLineCommand):
    help = gettext_lazy("Delete a user's device and the user's data on it. Other users of the device are not affected.")

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.get_profile(options)
        device_management.remove([profile], EventTypes.ADMIN_DEVICE_DELETED, who="delete_device")
        self.stdout.write(
            terminal_safe(_("The device “%(device)s” of “%(user)s” was deleted.") % arguments.placeholders(profile))
        )
