from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.commands import DataCommand
from apps.transactions import purge

MAX_DAYS = 36_500


class Command(DataCommand):
    help = (
        "Remove transactions that ended long ago; undelivered callbacks are kept. What is used or expired goes "
        "as well, as it does in every worker once an hour."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--days", type=int, default=30, metavar="NUMBER", help="those that ended longer ago (default: 30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["days"]
        if not 0 <= days <= MAX_DAYS:
            raise CommandError(_("--days: choose from 0 to %(limit)d.") % {"limit": MAX_DAYS})
        removed = purge.purge(before=timezone.now() - timedelta(days=days))
        self.print_data(removed, as_json=options["json"])
