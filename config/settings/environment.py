"""Environment variables, and their values from files: `NAME_FILE` names a file that holds the value of `NAME`."""

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping


class VariablesAndFiles(FileAwareMapping):  # type: ignore[misc]
    """A file wins over the variable itself, and the end of its last line does not count."""

    def __getitem__(self, key: str) -> str:
        try:
            value: str = super().__getitem__(key)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ImproperlyConfigured(f"the file that {key}_FILE names cannot be read: {reason}") from None
        return value.rstrip("\r\n") if self.env.get(f"{key}_FILE") else value


class Environment(environ.Env):  # type: ignore[misc]
    ENVIRON = VariablesAndFiles()
