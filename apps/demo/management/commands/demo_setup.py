"""Configure the server for the demo."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand
from apps.configuration.services import ConfigurationInvalid
from apps.demo import setup


class Command(OneLineCommand):
    help = gettext_lazy("Configure the server for the demo at /demo/. Idempotent.")
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--reset",
            action="store_true",
            help=_("replace the configuration of the demo and restart the demo, also a running one"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lines = setup.configure(reset=options["reset"])
        except ConfigurationInvalid as error:
            raise CommandError("; ".join(error.problems)) from None
        for line in lines or [_("Nothing to change.")]:
            self.stdout.write(line)
