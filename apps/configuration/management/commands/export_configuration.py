from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.common.commands import OneLineCommand
from apps.common.encryption import CannotDecrypt
from apps.configuration import file, services


class Command(OneLineCommand):
    help = "Write the configuration to standard output, as import_configuration reads it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=file.FORMATS, default="yaml", help="default: yaml")
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="also write service accounts, passwords and the hashes of client secrets",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = services.export_configuration(with_secrets=options["with_secrets"])
        except CannotDecrypt as error:
            raise CommandError(_("A secret cannot be read: %(reason)s.") % {"reason": error}) from None
        self.stdout.write(file.dump(data, options["format"]), ending="")
