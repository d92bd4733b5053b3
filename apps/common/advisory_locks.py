"""One after the other, where there is no row that could be the lock."""

from django.db import connection

# A machine that loses its power ends no connection, and PostgreSQL would keep the locks of one for hours.
MAX_IDLE_SECONDS = 30


def acquire(*names: str) -> None:
    """Wait for whoever has taken one of these names, and hold them until this database transaction ends.

    Who takes several takes them in the same order as all others. On SQLite a transaction that writes is alone anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name", [list(names)]
            )


def try_acquire(name: str) -> bool:
    """Return False at once if another database transaction holds this name; hold it until this one ends otherwise.

    PostgreSQL ends a transaction that leaves it without a statement for MAX_IDLE_SECONDS. On SQLite a transaction that
    writes is alone: this one has waited for all others.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
            " pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{MAX_IDLE_SECONDS}s", name],
        )
        is_free: bool = cursor.fetchone()[1]
    return is_free
