from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand, require_between
from apps.transactions import purge

MAX_DAYS = 36_500


class Command(DataCommand):
    help = gettext_lazy(
        "Remove transactions that ended long ago; undelivered callbacks are kept. What is used or expired goes "
        "as well, as it does in every worker once an hour."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        text = _("those that ended more than so many days ago (default: %(default)s)")
        parser.add_argument("--days", type=int, default=30, metavar="NUMBER", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        require_between(0, MAX_DAYS, days=options["days"])
        removed = purge.purge(before=timezone.now() - timedelta(days=options["days"]))
        self.print_data(removed, as_json=options["json"])
