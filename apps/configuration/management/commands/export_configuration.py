from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand
from apps.common.encryption import CannotDecrypt
from apps.configuration import file, services
from apps.configuration.json_schema import json_schema


class Command(OneLineCommand):
    help = gettext_lazy("Write the configuration to standard output, in the format of import_configuration.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=file.FORMATS, default="yaml", help=_("default: %(default)s"))
        group = parser.add_mutually_exclusive_group()
        group.add_argument(
            "--with-secrets",
            action="store_true",
            help=_("also write service accounts, keys, passwords, signing secrets and the hashes of client secrets"),
        )
        group.add_argument(
            "--schema",
            action="store_true",
            help=_("write the JSON Schema of the file instead, for completion and validation in editors"),
        )

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        if not options["schema"]:
            super().verify_requirements(options)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schema"]:
            self.stdout.write(file.dump(json_schema(), "json"), ending="")
            return
        try:
            data = services.export_configuration(with_secrets=options["with_secrets"])
        except CannotDecrypt as error:
            raise CommandError(_("A secret cannot be exported: %(reason)s.") % {"reason": error}) from None
        self.stdout.write(file.dump(data, options["format"]), ending="")
