"""Base classes of management commands: translated help, one-line errors, and output as text or JSON."""

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
from django.core.checks import Tags
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common import database_errors, errors

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

# In the order of precedence that gettext uses.
LANGUAGE_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
# Called before every command that can read or write a secret. Apps append their checks.
REQUIREMENTS: list[Callable[[], None]] = []


class TranslatedCommand(BaseCommand):
    """Command in the language of the terminal. A call from code uses the active language."""

    # Repeated in subclasses: mypy otherwise compares their help with the type that Django declares.
    help: "str | StrPromise"  # type: ignore[assignment]

    def run_from_argv(self, argv: list[str]) -> None:
        translation.activate(terminal_language())
        super().run_from_argv(argv)

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verify_requirements(options)
        return super().execute(*args, **options)

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        """Verify REQUIREMENTS. A command that neither reads nor writes a secret can override this."""
        with short_database_errors():
            for verify in REQUIREMENTS:
                verify()

    def print_help(self, prog_name: str, subcommand: str) -> None:
        translation.activate(terminal_language())
        super().print_help(prog_name, subcommand)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # The parser wraps the description, so it needs a string instead of a lazy translation.
        parser.description = str(self.help)
        return parser


@contextmanager
def short_database_errors() -> Iterator[None]:
    """Raise CommandError instead of a database error."""
    try:
        yield
    except DatabaseError as error:
        raise CommandError(database_errors.explain(error).text) from None


def terminal_language() -> str:
    """Return the language of the terminal from the first of gettext's variables that is set.

    LANGUAGE can be a list (`nl:de`); its first supported language is used. English if no language is supported.
    """
    if "utf" not in (sys.stdout.encoding or "utf-8").lower():
        # The terminal cannot display the characters of other languages.
        return settings.LANGUAGE_CODE
    locales = next(filter(None, map(os.environ.get, LANGUAGE_VARIABLES)), "")
    for locale in locales.split(":"):
        # `nl_NL.UTF-8@euro` is the language code nl-nl.
        code = translation.to_language(re.split("[.@]", locale)[0])
        with suppress(LookupError):
            return translation.get_supported_language_variant(code)
    return settings.LANGUAGE_CODE


class OneLineCommand(TranslatedCommand):
    """Command that reports each error as one line on standard error with exit code 1, including invalid arguments."""

    help: "str | StrPromise"
    # The other checks import all of the code to check it: a second for each command. `check` and `serve` run them.
    requires_system_checks = [Tags.compatibility]

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if parser.called_from_command_line:
            parser.error = partial(_exit_with_error, parser)  # type: ignore[method-assign]
        return parser

    def run_from_argv(self, argv: list[str]) -> None:
        # The command prints its results, so the log line of each event is left out.
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
            raise CommandError(_("An argument is not valid Unicode.")) from None


def _exit_with_error(parser: CommandParser, message: str) -> NoReturn:
    parser.exit(1, f"{parser.prog}: {message}\n")


class DataCommand(OneLineCommand):
    """Command that prints data as `name: value` lines, or as JSON with `--json`."""

    help: "str | StrPromise"

    def add_arguments(self, parser: CommandParser) -> None:
        text = _("print JSON; times are milliseconds since the epoch")
        parser.add_argument("--json", action="store_true", help=text)

    def print_data(self, data: Mapping[str, Any], *, as_json: bool) -> None:
        self.stdout.write(to_json(data) if as_json else format_lines(data))

    def print_table(self, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
        """Print rows with the same members: as JSON, or as a table with one line per row.

        If there are no rows, the text output is empty and a note goes to standard error.
        """
        if as_json:
            self.stdout.write(to_json(rows))
        elif rows:
            self.stdout.write(format_table(rows))
        else:
            self.stderr.write(_("No results."), str)


def require_between(minimum: int, maximum: int, **options: int) -> None:
    """Raise CommandError if the value of an option, passed by its name, is out of range."""
    for name, value in options.items():
        if not minimum <= value <= maximum:
            bounds = {"option": f"--{name.replace('_', '-')}", "least": minimum, "most": maximum}
            raise CommandError(_("%(option)s must be from %(least)d to %(most)d.") % bounds)


def join_messages(error: ValidationError) -> str:
    """Return all messages of a validation error in one line, with the names of the fields."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        text if name == "__all__" else f"{name}: {text}" for name, texts in error.message_dict.items() for text in texts
    )


def to_json(data: object) -> str:
    """Return the data as JSON, with times in milliseconds since the epoch."""
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
    """Return the value as text without control characters, so that stored names cannot control the terminal."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {terminal_safe(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(terminal_safe, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "" if value is None else str(value)
    # French texts have non-breaking spaces before colons.
    return "".join(character if character.isprintable() or character == "\u00a0" else "�" for character in text)
