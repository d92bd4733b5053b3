from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import errors
from apps.common.commands import DataCommand
from apps.transactions import staff_operations


class Command(DataCommand):
    help = gettext_lazy("Print a transaction with its text messages, pushes and callbacks.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("transaction", metavar="ID", help=_("transaction id"))

    def handle(self, *args: Any, **options: Any) -> None:
        transaction_id = options["transaction"]
        try:
            data = staff_operations.describe(UUID(transaction_id))
        except (ValueError, errors.TransactionNotFound):
            raise CommandError(_("No transaction has the id “%(id)s”.") % {"id": transaction_id}) from None
        self.print_data(data, as_json=options["json"])
