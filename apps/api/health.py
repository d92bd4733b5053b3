"""Is the process up, and can it work?"""

import socket
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from kombu.utils.url import url_to_parts
from redis import Redis
from redis.exceptions import RedisError


def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when database, migrations and broker are in order, else 503 and which is not."""
    database = _database()
    state = {
        "database": "ok" if database is not None else "unreachable",
        "migrations": "unknown" if database is None else "ok" if database else "missing",
        "broker": "ok" if _broker() else "unreachable",
    }
    ready = set(state.values()) == {"ok"}
    return JsonResponse({"status": "ok" if ready else "unavailable", **state}, status=200 if ready else 503)


def _database() -> bool | None:
    """Return whether all migrations are applied; None when the database does not answer."""
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return None


def _broker() -> bool:
    """Say whether the broker answers, or of another kind than Redis: listens. Without a broker there is none away."""
    if not settings.BROKER_URL:
        return True
    parts = url_to_parts(settings.BROKER_URL)
    if parts.scheme in ("redis", "rediss"):
        return _redis()
    if not parts.hostname:
        return True
    try:
        socket.create_connection((parts.hostname, parts.port or 6379), timeout=1).close()
    except OSError:
        return False
    return bool(urlsplit(settings.BROKER_URL).scheme)


def _redis() -> bool:
    """A server that listens can still refuse: it loads its data, or wants another password."""
    client = Redis.from_url(settings.BROKER_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
