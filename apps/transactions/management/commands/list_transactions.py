from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand, require_between
from apps.transactions import staff_operations

MAX_LIMIT = 1_000_000


class Command(DataCommand):
    help = gettext_lazy("Print the newest transactions of one user or of all users.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", help=_("only transactions of this user"))
        text = _("maximum number of transactions (default: %(default)s)")
        parser.add_argument("--limit", type=int, default=50, metavar="NUMBER", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between(1, MAX_LIMIT, limit=options["limit"])
        rows = staff_operations.list_newest(user_id=options["user"], limit=options["limit"])
        self.print_table(rows, as_json=options["json"])
