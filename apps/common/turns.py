"""One after the other, where there is no row that could be the lock."""

from django.db import connection


def take_turns(*names: str) -> None:
    """Wait for whoever has taken one of these names, and hold them until this database transaction ends.

    Who takes several takes them in the same order as all others. On SQLite a transaction that writes is alone anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name", [list(names)]
            )
