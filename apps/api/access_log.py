"""Access log: one line for each request, with the pattern of its path, because paths contain user ids."""

from collections.abc import Callable
from time import perf_counter

import structlog
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from apps.api.health import HOST_CHECK_EXEMPT_PATHS
from apps.api.request_metrics import endpoint
from apps.common import caller

log = structlog.get_logger(__name__)


class AccessLogMiddleware:
    """Middleware that logs each response, except those of successful probes and scrapes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.ACCESS_LOG:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started_at = perf_counter()
        response = self.get_response(request)
        if request.path_info not in HOST_CHECK_EXEMPT_PATHS or response.status_code != 200:
            log.info(
                "request_completed",
                method=request.method,
                endpoint=endpoint(request),
                status=response.status_code,
                milliseconds=round((perf_counter() - started_at) * 1000, 1),
                client_ip=caller.current().ip,
            )
        return response
