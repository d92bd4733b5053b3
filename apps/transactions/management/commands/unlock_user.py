from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.transactions import locks


class Command(DataCommand):
    help = gettext_lazy(
        "Remove a user's locks: in applications after a fraud report, and of text messages after too many wrong codes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help=_("the user's id"))

    def handle(self, *args: Any, **options: Any) -> None:
        removed = locks.unlock(options["user"], who="unlock_user")
        self.print_data({"user_id": options["user"], **removed}, as_json=options["json"])
