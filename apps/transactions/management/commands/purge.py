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
        "Delete transactions that ended more than --days ago, except those with undelivered callbacks, and old events. "
        "Also deletes expired codes, nonces and sessions, as workers do every hour. Idempotent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        text = _("delete transactions that ended more than this number of days ago (default: %(default)s)")
        parser.add_argument("--days", type=int, default=30, metavar="NUMBER", help=text)
        text = _("delete events of failed access after this number of days (default: %(default)s)")
        parser.add_argument("--failed-access-days", type=int, default=400, metavar="NUMBER", help=text)
        text = _("delete all events after this number of days (default: keep them)")
        parser.add_argument("--events-days", type=int, metavar="NUMBER", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        days = {name: options[name] for name in ("days", "failed_access_days", "events_days")}
        require_between(0, MAX_DAYS, **{name: number for name, number in days.items() if number is not None})
        now = timezone.now()
        removed = purge.purge(
            before=now - timedelta(days=days["days"]),
            failed_access_before=now - timedelta(days=days["failed_access_days"]),
            events_before=None if days["events_days"] is None else now - timedelta(days=days["events_days"]),
        )
        self.print_data(removed, as_json=options["json"])
