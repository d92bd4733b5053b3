"""Database backend of PostgreSQL that checks pooled connections without a round trip, and reports why none is possible.

Django's CONN_HEALTH_CHECKS sends an empty query each time a thread takes a connection from the pool: eleven of the
thirty commits of a login.
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Backend that replaces the connections that the server has closed, for example at its restart."""

    def get_new_connection(self, conn_params: Any) -> Any:
        pool = getattr(self, "pool")  # noqa: B009 - missing in django-stubs
        if pool and pool.closed:
            # The pool waits for its timeout and does not report why it cannot connect, for example a wrong password.
            psycopg.connect(**conn_params).close()
        connection = super().get_new_connection(conn_params)
        while pool and _is_closed_by_server(connection):
            connection.close()
            pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def _is_closed_by_server(connection: "psycopg.Connection[Any]") -> bool:
    """Return True if the server has closed an idle connection. Its socket is then readable."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        connection.execute("")
    except psycopg.Error:
        return True
    return False
