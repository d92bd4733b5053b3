"""Measurement of request durations for the metrics, without queries."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponse

from apps.events import metrics

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Paths of the console and the demo count as one endpoint each.
PAGES = ("admin/", "demo/")
# Unknown paths and static files.
NO_ENDPOINT = "other"


class RequestMetricsMiddleware:
    """Middleware that records each response by method, endpoint and status class.

    Callers cannot create label values.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started_at = perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in METHODS else "other"
        metrics.observe_request(
            perf_counter() - started_at, str(method), endpoint(request), f"{response.status_code // 100}xx"
        )
        return response


def endpoint(request: HttpRequest) -> str:
    """Return the pattern of the request path, such as `/oauth/api/v4/users/<user_id>/devices`."""
    route = request.resolver_match.route if request.resolver_match else ""
    for page in PAGES:
        if route.startswith(page):
            return f"/{page}"
    return f"/{route}" if request.resolver_match else NO_ENDPOINT
