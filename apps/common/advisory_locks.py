"""Advisory locks of PostgreSQL, for critical sections without a row to lock."""

from django.db import connection

# A host that loses power does not close its connections. PostgreSQL would keep their locks for hours.
MAX_IDLE_SECONDS = 30


def acquire(*names: str) -> None:
    """Acquire the named locks and hold them until this database transaction ends.

    All callers must name several locks in the same order, to avoid deadlocks. SQLite needs no lock: it runs one
    writing transaction at a time.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name", [list(names)]
            )


def try_acquire(name: str) -> bool:
    """Return True if the named lock was acquired, False at once if another database transaction holds it.

    The lock is held until this transaction ends. PostgreSQL ends a transaction that is idle for MAX_IDLE_SECONDS.
    SQLite needs no lock: it runs one writing transaction at a time.
    """
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, true),"
            " pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{MAX_IDLE_SECONDS}s", name],
        )
        is_acquired: bool = cursor.fetchone()[1]
    return is_acquired
