from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand, terminal_safe
from apps.enrollment import device_management
from apps.enrollment.management import arguments


class Command(OneLineCommand):
    help = gettext_lazy(
        "Delete a user's keys, authenticators and push token on a device. The device stays in the user's list, and the "
        "app can enrol the user again. The command is idempotent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.get_profile(options)
        if device_management.revoke_mobile_authentication(profile, who="revoke_mobile_authentication"):
            text = _("The keys of “%(user)s” on “%(device)s” were deleted. The app must enrol the user again.")
        else:
            text = _("“%(user)s” has no keys on “%(device)s”. Nothing was changed.")
        self.stdout.write(terminal_safe(text % arguments.placeholders(profile)))
