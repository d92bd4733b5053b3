"""Cleanup of the database after a test that commits: empties the tables with rows, except those filled by migrations.

The flush command of Django truncates all tables and creates all permissions and roles again, which is slower.
"""

from functools import lru_cache

from django.core.management.color import no_style
from django.db import connection

FILLED_BY_MIGRATIONS = {
    *("django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"),
}


@lru_cache
def tables():
    """Return the names of all tables that migrations do not fill."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - FILLED_BY_MIGRATIONS)


def empty_tables(_case):
    """Empty all tables. Replaces `TransactionTestCase._fixture_teardown`."""
    queries = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in tables()]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(queries))
        filled = [name for (name,) in cursor.fetchall()]
    if filled:
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), filled, allow_cascade=True))
