"""Liveness probe, readiness probe and the host check."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponsePermanentRedirect, JsonResponse
from django.middleware.common import CommonMiddleware

from apps import VERSION
from apps.api.views import read_only
from apps.outbox import broker

# Container health checks and Prometheus call these paths by IP address, which is not in ALLOWED_HOSTS.
HOST_CHECK_EXEMPT_PATHS = ("/healthz", "/readyz", "/metrics")


class HostMiddleware(CommonMiddleware):
    """Middleware that rejects requests to hosts outside ALLOWED_HOSTS, except for probes and metrics."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in HOST_CHECK_EXEMPT_PATHS else super().process_request(request)


@read_only
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "version": VERSION})


@read_only
def readyz(_request: HttpRequest) -> JsonResponse:
    """Return 200 if the database is available and migrated, else 503 and the failed check.

    An unavailable broker is reported but does not change the status: requests and deliveries work without it.
    """
    is_migrated = _migrations_applied()
    checks = {
        "database": "ok" if is_migrated is not None else "unreachable",
        "migrations": "unknown" if is_migrated is None else "ok" if is_migrated else "missing",
    }
    is_ready = set(checks.values()) == {"ok"}
    state = {"status": "ok" if is_ready else "unavailable", **checks, "broker": _broker_state()}
    return JsonResponse(state, status=200 if is_ready else 503)


def _broker_state() -> str:
    return "ok" if broker.is_reachable_within() else "unreachable"


def _migrations_applied() -> bool | None:
    """Return True if all migrations are applied, and None if the database is unavailable."""
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return None
