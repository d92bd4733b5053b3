from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.transactions import locks


class Command(DataCommand):
    help = gettext_lazy(
        "Remove the locks of a user: after fraud reports, and of SMS after too many wrong codes. Idempotent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help=_("user id"))

    def handle(self, *args: Any, **options: Any) -> None:
        removed = locks.unlock(options["user"], who="unlock_user")
        self.print_data({"user_id": options["user"], **removed}, as_json=options["json"])
