from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand, terminal_safe
from apps.enrollment import device_management
from apps.enrollment.management import arguments


class Command(OneLineCommand):
    help = gettext_lazy(
        "Remove a user's push token on a device, so that no push reaches the user there. OTP goes on working."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.get_profile(options)
        if device_management.revoke_push(profile, who="revoke_push"):
            text = _("No push reaches “%(user)s” on “%(device)s” any more.")
        else:
            text = _("“%(user)s” has no push token on “%(device)s”: nothing to do.")
        self.stdout.write(terminal_safe(text % arguments.placeholders(profile)))
