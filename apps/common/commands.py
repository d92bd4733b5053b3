"""What management commands share: one line for every mistake, and data for people or for programs."""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common import errors

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# In the order in which gettext looks at them.
LANGUAGE_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
# Called before every command that may read or write a secret; an app registers here what it verifies.
REQUIREMENTS: list[Callable[[], None]] = []


class TranslatedCommand(BaseCommand):
    """A command that speaks the language of the terminal in which it is typed; called from code, that of the caller."""

    # Said again below: mypy compares with the class right above, and with Django's when that says nothing.
    help: "str | StrPromise"  # type: ignore[assignment]

    def run_from_argv(self, argv: list[str]) -> None:
        translation.activate(terminal_language())
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verify_requirements(options)
        return super().execute(*args, **options)

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        """Verify REQUIREMENTS. A command that neither reads nor writes a secret can leave it out."""
        with short_database_errors():
            for verify in REQUIREMENTS:
                verify()

    def print_help(self, prog_name: str, subcommand: str) -> None:
        translation.activate(terminal_language())
        super().print_help(prog_name, subcommand)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # A parser wraps its description into lines, which takes a text that is one already.
        parser.description = str(self.help)
        return parser


@contextmanager
def short_database_errors() -> Iterator[None]:
    """Raise CommandError in place of an error of the database."""
    try:
        yield
    except DatabaseError as error:
        # The first line says what is wrong; the others can quote rows.
        reason = str(error).partition("\n")[0]
        raise CommandError(
            _("The database cannot be used (%(reason)s). Is it running and migrated?") % {"reason": reason}
        ) from None


def terminal_language() -> str:
    """Return the language of the terminal, by the first of gettext's variables that is set; English if it is not ours.

    LANGUAGE may be a list, `nl:de`, of which the first language of ours counts.
    """
    if "utf" not in (sys.stdout.encoding or "utf-8").lower():
        # Other languages have characters that such a terminal has not.
        return settings.LANGUAGE_CODE
    named = next(filter(None, map(os.environ.get, LANGUAGE_VARIABLES)), "")
    for locale in named.split(":"):
        # `nl_NL.UTF-8@euro`, as a list of languages knows it: nl-nl.
        code = translation.to_language(re.split("[.@]", locale)[0])
        with suppress(LookupError):
            return translation.get_supported_language_variant(code)
    return settings.LANGUAGE_CODE


class OneLineCommand(TranslatedCommand):
    """A command whose mistakes are one line on standard error and exit code 1, those in its arguments too."""

    help: "str | StrPromise"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if parser.called_from_command_line:
            parser.error = partial(_exit_with_error, parser)  # type: ignore[method-assign]
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        # What there is to say is printed; the log's line about each event is for servers.
        if settings.LOG_LEVEL == "INFO":
            logging.getLogger().setLevel(logging.WARNING)
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with short_database_errors():
                return super().execute(*args, **options)
        except errors.ApiError as error:
            raise CommandError(str(error.text)) from None
        except ValidationError as error:
            raise CommandError(join_messages(error)) from None
        except UnicodeEncodeError:
            raise CommandError(_("An argument is not valid text.")) from None


def _exit_with_error(parser: CommandParser, message: str) -> NoReturn:
    parser.exit(1, f"{parser.prog}: {message}\n")


class DataCommand(OneLineCommand):
    """A command that prints data: `name: value` lines for people, JSON with `--json`."""

    help: "str | StrPromise"

    def add_arguments(self, parser: CommandParser) -> None:
        text = _("print JSON; moments are milliseconds since the epoch")
        parser.add_argument("--json", action="store_true", help=text)

    def print_data(self, data: Mapping[str, Any], *, as_json: bool) -> None:
        self.stdout.write(to_json(data) if as_json else format_lines(data))

    def print_table(self, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
        """Print rows of the same members, for people a line each below their names.

        That there is none is no data: people read it on standard error.
        """
        if as_json:
            self.stdout.write(to_json(rows))
        elif rows:
            self.stdout.write(format_table(rows))
        else:
            self.stderr.write(_("Nothing was found."), str)


def require_between(least: int, most: int, **given: int) -> None:
    """Refuse the argument that is given by its name when it is out of bounds."""
    for name, number in given.items():
        if not least <= number <= most:
            bounds = {"option": f"--{name.replace('_', '-')}", "least": least, "most": most}
            raise CommandError(_("%(option)s: choose from %(least)d to %(most)d.") % bounds)


def join_messages(error: ValidationError) -> str:
    """Return all that a validation says in one line, with the names of the fields."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        text if name == "__all__" else f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts
    )


def to_json(data: object) -> str:
    return json.dumps(_plain(data), ensure_ascii=False, indent=2)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def format_lines(data: Mapping[str, Any]) -> str:
    width = max(map(len, data)) + 1
    return "\n".join(f"{name + ':':<{width}} {terminal_safe(value)}".rstrip() for name, value in data.items())


def format_table(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = [list(rows[0]), *([terminal_safe(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def terminal_safe(value: Any) -> str:
    """Return a value as a terminal may show it: what others named themselves cannot move its cursor."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {terminal_safe(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(terminal_safe, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    # French has its spaces that do not break before a colon.
    return "".join(character if character.isprintable() or character == "\u00a0" else "�" for character in text)
