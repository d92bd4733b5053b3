from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand, terminal_safe
from apps.enrollment import device_management
from apps.enrollment.management import arguments


class Command(OneLineCommand):
    help = gettext_lazy(
        "Delete a user's push token on a device. The device gets no more requests of push types for the user. One-time "
        "passwords stay available. The command is idempotent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        arguments.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        profile = arguments.get_profile(options)
        if device_management.revoke_push(profile, who="revoke_push"):
            text = _("Push notifications of “%(user)s” on “%(device)s” were revoked.")
        else:
            text = _("“%(user)s” gets no requests of push types on “%(device)s”. Nothing was changed.")
        self.stdout.write(terminal_safe(text % arguments.placeholders(profile)))
