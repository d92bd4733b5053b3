"""Base class and helpers of the API views."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.exceptions import NO_STORE, error_response
from apps.api.renderers import Utf8JsonRenderer
from apps.common import errors
from apps.system import services as system


class ApiView(APIView):
    """Base class of the API views: responses are not cacheable; errors use the API's format."""

    # OPTIONS is not supported. The API description lists the methods of each path.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        for name, value in NO_STORE.items():
            response.headers.setdefault(name, value)
        if getattr(response, "exception", False):
            # Errors are JSON even if the view renders another format.
            request.accepted_renderer = Utf8JsonRenderer()
            request.accepted_media_type = Utf8JsonRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)


def read_only(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Allow GET and HEAD. For other methods, return 405 as JSON, even without a CSRF token."""

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request)
        response = error_response(errors.MethodNotAllowed(), request.path)
        response["Allow"] = "GET, HEAD"
        return response

    return wrapper


def require_mobile_authentication() -> None:
    if not system.features().mobile_authentication:
        raise errors.FeatureDisabled


def parse_uuid(text: str) -> UUID | None:
    """Return the id in a path, or None if it is malformed. A malformed id gets the same response as an unknown one."""
    try:
        return UUID(text)
    except ValueError:
        return None
