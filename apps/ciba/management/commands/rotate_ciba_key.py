from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.ciba import keys
from apps.common.commands import DataCommand


class Command(DataCommand):
    help = gettext_lazy(
        "Create the next signing key of CIBA. Clients can fetch it before it signs, and the previous key for a day "
        "after that. A repeated command returns the same key until it is active."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        text = _("sign with the new key from now on and withdraw all others, for example after a disclosure")
        parser.add_argument("--now", action="store_true", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        key = keys.rotate(at_once=options["now"])
        self.print_data({"kid": key.kid, "active_from": key.activated_at}, as_json=options["json"])
