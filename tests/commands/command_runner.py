"""Run management commands like an operator."""

import io
import sys
from dataclasses import dataclass

from django.core.management import call_command
from django.core.management.base import CommandError


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def problems(self):
        return self.err.splitlines()


def run(name, *arguments):
    """Run a command. An error is returned as exit code 1 and text on standard error."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command(name, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        code = error.returncode
        err.write(f"{error}\n")
    except SystemExit as end:
        code = end.code
    return CommandResult(code, out.getvalue(), err.getvalue())


def lose_keys(settings):
    """Replace the encryption keys by a new one, as after the loss of the keys."""
    settings.FIELD_ENCRYPTION_KEYS = [b"1" * 32]
    run("rotate_encryption_keys", "--accept-new-keys")


def set_standard_input(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
