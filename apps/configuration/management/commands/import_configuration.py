import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import OneLineCommand
from apps.configuration import file, services


class Command(OneLineCommand):
    help = gettext_lazy(
        "Import a configuration file (YAML or JSON), all or nothing. Idempotent. "
        "The exit code is 1 if the file is invalid."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help=_("the file, or - for standard input"))
        parser.add_argument("--check", action="store_true", help=_("only print errors and changes, and write nothing"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = file.load(read_content(options["file"]))
            lines = services.import_configuration(data, check=options["check"], warn=self._warn)
        except services.ConfigurationInvalid as error:
            for problem in error.problems:
                self.stderr.write(problem)
            sys.exit(1)
        for line in lines or [_("Nothing to change.")]:
            self.stdout.write(line)

    def _warn(self, line: str) -> None:
        self.stderr.write(_("Warning: %(line)s") % {"line": line}, str)


def read_content(name: str) -> bytes:
    """Return the bytes of a file, at most one more than allowed, so that the size of a larger file does not matter."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(file.MAX_BYTES + 1)
        with Path(name).open("rb") as stream:
            return stream.read(file.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandError(
            _("The file %(name)s cannot be read: %(reason)s.") % {"name": name, "reason": reason}
        ) from None
