"""Query plans: the indexes that the database uses for a query."""

from django.db import connection


def query_plan(sql):
    """Return the plan of a query. PostgreSQL scans a whole table here only if no index is usable."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + sql)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())
