"""Query plans: the indexes that the database uses for a query."""

from django.db import connection


def query_plan(sql):
    """Return the plan of a query. PostgreSQL scans a whole table here only if no index is usable."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + sql)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def analyzed_nodes(sql):
    """Run a query on PostgreSQL and return the nodes of its plan, topmost first."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        [(found,)] = cursor.fetchall()
    nodes = [found[0]["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    return nodes
