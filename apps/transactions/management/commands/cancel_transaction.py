from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common import errors
from apps.common.commands import OneLineCommand
from apps.transactions import staff_operations


class Command(OneLineCommand):
    help = gettext_lazy(
        "Cancel a pending transaction. No callback is sent; the portal gets the status when it requests the result."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("transaction", metavar="ID", help=_("transaction id"))

    def handle(self, *args: Any, **options: Any) -> None:
        transaction_id = options["transaction"]
        try:
            staff_operations.cancel(UUID(transaction_id), who="cancel_transaction")
        except (ValueError, errors.TransactionNotFound):
            raise CommandError(_("No pending transaction has the id “%(id)s”.") % {"id": transaction_id}) from None
        self.stdout.write(_("The transaction %(id)s is cancelled.") % {"id": transaction_id})
