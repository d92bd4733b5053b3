"""Cost of the dispatcher's queries for due rows while another connection holds an old snapshot.

A long transaction (a backup, a report) prevents the removal of dead rows. The worker delivers real pushes meanwhile.
"""

import re
from typing import Any

import psycopg

from bench import database
from bench.jobs.base import Session
from bench.options import Options
from bench.rounds import Figures
from bench.special import pushes

PHONES = 10
TABLE = "transactions_pushdelivery"
# The queries of the dispatcher: they read or claim the first due rows of the queue.
LOOKS = """
SELECT query FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND query ~ 'transactions_pushdelivery' AND query ~* 'LIMIT'
    AND query ~* 'due_at' AND query !~* '^\\s*(INSERT|EXPLAIN|PREPARE)' AND calls > 3
ORDER BY calls DESC
"""
VALUES = {
    "text": "'due'",
    "character varying": "'due'",
    "timestamp with time zone": "now()",
    "uuid": "gen_random_uuid()",
}
NUMBERS = ("bigint", "integer", "smallint", "numeric")


def measure(session: Session, options: Options) -> Figures:
    """Measure the queries before and after many deliveries, while a snapshot is held."""
    pushes.drain(session, session.users[:PHONES], PHONES * 10)
    session.connection.execute(f"VACUUM {TABLE}")
    before = _cost(session)
    with psycopg.connect(session.installation.database_url) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute(f"SELECT count(*) FROM {TABLE} WHERE state = 'due'")
        drained = pushes.drain(session, session.users[:PHONES], options.deliveries)
        after = _cost(session)
    database.end_pending(session.connection)
    session.connection.execute(f"VACUUM {TABLE}")
    return {
        "deliveries": options.deliveries,
        "pushes/s": drained["pushes/s"],
        **{f"before: {name}": value for name, value in before.items()},
        **{f"after: {name}": value for name, value in after.items()},
        "buffers after / before": after["buffers"] / max(before["buffers"], 1),
    }


def _cost(session: Session) -> Figures:
    """Return the buffers and the time of the most expensive query of the dispatcher."""
    queries = [query for (query,) in session.connection.execute(LOOKS).fetchall()]
    if not queries:
        raise RuntimeError("no query of the dispatcher was found in pg_stat_statements")
    plans = [plan for query in queries if (plan := _explain(session, query))]
    worst = max(plans, key=_buffers)
    return {"buffers": _buffers(worst), "ms": worst["Execution Time"]}


def _buffers(plan: dict[str, Any]) -> float:
    return float(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def _explain(session: Session, query: str) -> dict[str, Any] | None:
    """Execute a query with its plan, and roll it back. Return None if its parameters are unknown."""
    connection = session.connection
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"PREPARE look AS {query}", prepare=False)
            types = "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'look'"
            values = ", ".join(map(_value, database.scalar(connection, types)))
            rows = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE look({values})").fetchone()
    except psycopg.Error:
        return None
    finally:
        connection.execute("DEALLOCATE ALL")
    plans: list[dict[str, Any]] = rows[0] if rows else []
    return plans[0]


def _value(kind: str) -> str:
    """Return a value for a parameter of this type: rows are due, and numbers are limits."""
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    if kind == "interval":
        return "interval '24 seconds'"
    return VALUES.get(re.sub(r"\(.*\)", "", kind), "101" if kind in NUMBERS else "NULL")
