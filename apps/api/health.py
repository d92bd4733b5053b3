"""Is the process up, and can it work?"""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponsePermanentRedirect, JsonResponse
from django.middleware.common import CommonMiddleware

from apps.api.views import read_only
from apps.outbox import broker

# Whoever asks here, such as the container's own check and Prometheus, calls by an address that no name leads to.
HOST_CHECK_EXEMPT_PATHS = ("/healthz", "/readyz", "/metrics")


class HostMiddleware(CommonMiddleware):
    """Refuses requests to hosts that are not in ALLOWED_HOSTS, except those that ask how the process is."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        return None if request.path_info in HOST_CHECK_EXEMPT_PATHS else super().process_request(request)


@read_only
def healthz(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@read_only
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when database and migrations are in order, else 503 and which is not.

    The broker is named as well but costs no readiness: without it requests are served and deliveries go out.
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
    """Return whether all migrations are applied; None when the database does not answer."""
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return None
