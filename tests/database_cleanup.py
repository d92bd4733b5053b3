"""Empties the database after a test that commits: only the tables with rows, and none that the migrations have filled.

Django's own flush truncates every table and makes all permissions and roles anew, which takes longer than most tests.
"""

from functools import lru_cache

from django.core.management.color import no_style
from django.db import connection

FILLED_BY_MIGRATIONS = {
    *("django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"),
}


@lru_cache
def tables():
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - FILLED_BY_MIGRATIONS)


def empty_tables(_case):
    """Stand in for `TransactionTestCase._fixture_teardown`."""
    looks = [f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(name)})" for name in tables()]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(looks))
        filled = [name for (name,) in cursor.fetchall()]
    if filled:
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), filled, allow_cascade=True))
