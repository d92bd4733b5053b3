from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.callbacks import services
from apps.common.commands import OneLineCommand


class Command(OneLineCommand):
    help = gettext_lazy("Make failed callbacks due again: all, or those with the given ids. Idempotent.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", metavar="ID", nargs="*", help=_("id of a callback or of a transaction"))

    def handle(self, *args: Any, **options: Any) -> None:
        ids = [parse_id(text) for text in options["ids"]] if options["ids"] else None
        count = services.redeliver(ids, who="redeliver_callbacks")
        text = ngettext("%(count)d callback is due again.", "%(count)d callbacks are due again.", count)
        self.stdout.write(text % {"count": count})


def parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise CommandError(_("“%(text)s” is not a valid id.") % {"text": text}) from None
