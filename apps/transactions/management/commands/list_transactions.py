from typing import Any

from django.core.management.base import CommandParser

from apps.common.commands import DataCommand
from apps.transactions import support


class Command(DataCommand):
    help = "Print the newest transactions, of one user or of all."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", help="only this user's")
        parser.add_argument("--limit", type=int, default=50, metavar="NUMBER", help="at most so many (default: 50)")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = support.newest(user_id=options["user"], limit=max(options["limit"], 0))
        self.print_table(rows, as_json=options["json"])
