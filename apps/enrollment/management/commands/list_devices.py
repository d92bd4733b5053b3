from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand, terminal_safe
from apps.enrollment import device_management, fraud_locks


class Command(DataCommand):
    help = gettext_lazy(
        "List a user's devices with the registered authenticators. Fraud locks are printed to standard error."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help=_("user id"))

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [device_management.describe(profile) for profile in device_management.all_profiles(options["user"])]
        self.print_table(rows, as_json=options["json"])
        for lock in fraud_locks.for_user(options["user"]):
            names = {"user": lock.user_id, "application": lock.application.name}
            text = _(
                "“%(user)s” is locked in “%(application)s” after a fraud report. Unlock the user with unlock_user."
            )
            self.stderr.write(terminal_safe(text % names), str)
