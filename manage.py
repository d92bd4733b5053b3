#!/usr/bin/env python
"""Command line of the server: `manage.py COMMAND --help`."""

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import ManagementUtility, execute_from_command_line
from django.db import DatabaseError

LOCAL, PRODUCTION = "config.settings.local", "config.settings.production"
# If one of these variables, or the file of one, is set, the command uses production settings.
VARIABLES_OF_PRODUCTION = ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "DATABASE_URL")


def main() -> None:
    if not settings_are_named():
        choose_settings()
    try:
        execute(sys.argv)
    except ImproperlyConfigured as error:
        # The operator can fix a wrong setting, so it is one line without a traceback.
        sys.exit(f"Configuration error: {error}")
    except DatabaseError as error:
        if "--traceback" in sys.argv:
            raise
        # Django's own commands, such as `migrate`. The settings are loaded now.
        from apps.common import database_errors  # noqa: PLC0415 - it needs the settings

        sys.exit(f"CommandError: {database_errors.explain(error).text}")
    except ModuleNotFoundError as error:
        if error.name is None or not os.environ["DJANGO_SETTINGS_MODULE"].startswith(error.name):
            raise
        sys.exit(f"Configuration error: DJANGO_SETTINGS_MODULE: there is no module {error.name}")


def execute(argv: list[str]) -> None:
    if argv[1:2] in (["version"], ["--version"]):
        # Django would print its own version.
        django.setup()
        ManagementUtility(argv).fetch_command("version").run_from_argv([argv[0], "version", *argv[2:]])
    else:
        execute_from_command_line(argv)


def settings_are_named() -> bool:
    named_by_option = any(argument.partition("=")[0] == "--settings" for argument in sys.argv[1:])
    return named_by_option or bool(os.environ.get("DJANGO_SETTINGS_MODULE"))


def choose_settings() -> None:
    """Choose the settings by the environment and print the choice to standard error: standard output is for data."""
    names = [name for variable in VARIABLES_OF_PRODUCTION for name in (variable, f"{variable}_FILE")]
    found = next(filter(os.environ.get, names), None)
    os.environ["DJANGO_SETTINGS_MODULE"] = PRODUCTION if found else LOCAL
    reason = f"{found} is set" if found else f"{', '.join(VARIABLES_OF_PRODUCTION)} are not set"
    print(f"Settings: {os.environ['DJANGO_SETTINGS_MODULE']} ({reason}).", file=sys.stderr)  # noqa: T201 - for people


if __name__ == "__main__":
    main()
