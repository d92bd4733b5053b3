"""Explain errors of the database as one line with a remedy and without a password."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Explanation:
    """Text for the operator. A permanent error remains until the configuration or the database is corrected."""

    text: str
    is_permanent: bool


@dataclass(frozen=True)
class Cause:
    """Cause of an error, found by a pattern in its message: before a connection there are no codes of errors."""

    pattern: str
    text: "StrPromise"
    is_permanent: bool = True


# In other languages of libpq and the server, the message itself is shown.
CAUSES = [
    Cause(
        "password authentication failed",
        gettext_lazy(
            "The database server at %(server)s rejected the user name or the password of the user “%(user)s”. Correct "
            "DATABASE_URL, and percent-encode special characters in it."
        ),
    ),
    Cause(
        "no password supplied",
        gettext_lazy("The database server at %(server)s requires a password. Add it to DATABASE_URL."),
    ),
    Cause(
        'role ".*" does not exist',
        gettext_lazy(
            "The database server at %(server)s has no user “%(user)s”. Create the user, or correct DATABASE_URL."
        ),
    ),
    Cause(
        'database ".*" does not exist',
        gettext_lazy(
            "The database server at %(server)s has no database “%(database)s”. Create the database, or correct "
            "DATABASE_URL."
        ),
    ),
    Cause(
        r"pg_hba\.conf .*(no encryption|SSL off)",
        gettext_lazy(
            "The database server at %(server)s does not allow the user “%(user)s” to connect to the database "
            "“%(database)s” without TLS. Add ?sslmode=require to DATABASE_URL, or an entry to pg_hba.conf of the "
            "server."
        ),
    ),
    Cause(
        r"pg_hba\.conf",
        gettext_lazy(
            "The database server at %(server)s does not allow the user “%(user)s” to connect to the database "
            "“%(database)s”. Add an entry to pg_hba.conf of the server."
        ),
    ),
    Cause(
        "server does not support SSL",
        gettext_lazy(
            "The database server at %(server)s does not support TLS, which sslmode in DATABASE_URL requires. Turn on "
            "TLS on the server, or remove sslmode."
        ),
    ),
    Cause(
        "certificate",
        gettext_lazy(
            "The TLS certificate of the database server at %(server)s cannot be verified (%(reason)s). Correct sslmode "
            "and sslrootcert in DATABASE_URL."
        ),
    ),
    Cause(
        "failed to resolve host|could not translate host name",
        gettext_lazy(
            "The host name of the database server at %(server)s cannot be resolved. Correct DATABASE_URL, and "
            "percent-encode special characters in its user name and password."
        ),
    ),
    Cause(
        r"invalid connection option|invalid \w+ value: |invalid integer value|bad value for",
        gettext_lazy("DATABASE_URL has an invalid option (%(reason)s). Correct it or remove it."),
    ),
    Cause(
        "permission denied",
        gettext_lazy(
            "The database user “%(user)s” lacks a permission (%(reason)s). Make it the owner of the database "
            "“%(database)s”."
        ),
    ),
    Cause(
        "unable to open database file|readonly database",
        gettext_lazy(
            "The SQLite file %(database)s cannot be written. Create its directory and make it writable, or correct "
            "DATABASE_URL."
        ),
    ),
    Cause("is not a database", gettext_lazy("%(database)s is not an SQLite file. Correct DATABASE_URL.")),
    Cause(
        'no such (table|column)|(relation|column) ".*" does not exist',
        gettext_lazy("The tables of the database are missing or outdated. Run the migrations."),
    ),
    Cause(
        "[Cc]onnection refused|timeout expired|timed out|No such file or directory|couldn't get a connection",
        gettext_lazy(
            "The database server at %(server)s is unavailable (%(reason)s). Start it, or correct DATABASE_URL."
        ),
        is_permanent=False,
    ),
]

UNKNOWN = Cause(
    "", gettext_lazy("The database reported an error: %(reason)s. See the log of the database."), is_permanent=False
)
PREFIXES = r"^(connection failed: |connection is bad: )?(connection to server .*? failed: )?"


def explain(error: Exception) -> Explanation:
    """Explain an error of the database, or show its first line if the cause is unknown."""
    message = str(error)
    cause = next((cause for cause in CAUSES if re.search(cause.pattern, message)), UNKNOWN)
    return Explanation(str(cause.text) % {**_target(), "reason": _reason(message)}, cause.is_permanent)


def _target() -> Mapping[str, str]:
    database = connection.settings_dict
    host = database["HOST"] or database["OPTIONS"].get("host") or _("local socket")
    port = database["PORT"] or database["OPTIONS"].get("port")
    server = f"{host}:{port}" if port else str(host)
    return {"server": server, "user": database["USER"], "database": str(database["NAME"])}


def _reason(message: str) -> str:
    """Return the first line without the addresses that libpq prepends. Other lines can quote stored values."""
    line = message.strip().partition("\n")[0]
    if permission := re.search(r"permission denied [^)]*", line):
        return permission[0]
    return re.sub(PREFIXES, "", line).rstrip(".")
