"""Cross-origin requests (CORS) of the web phone to the device API.

Only the origin of PHONE_URL is allowed, and without credentials: the phone sends the device token itself, and a cookie
of the console is never used.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

PATH = "/device/v1/"
# Headers of responses that the device library reads: the time of the server, and when to retry.
EXPOSED_HEADERS = "Date, Retry-After"
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    # The longest time that Chrome keeps it.
    "Access-Control-Max-Age": "7200",
}


class CrossOriginMiddleware:
    """Middleware that answers preflight requests and allows the origin of PHONE_URL to read responses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.PHONE_URL or not request.path_info.startswith(PATH):
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        is_allowed = origin == phone_origin()
        if is_allowed and request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            response = HttpResponse(status=204, headers=PREFLIGHT)
        else:
            response = self.get_response(request)
        if is_allowed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        patch_vary_headers(response, ("Origin",))
        return response


def phone_origin() -> str:
    """Return the origin of PHONE_URL as browsers send it."""
    parts = urlsplit(settings.PHONE_URL)
    return f"{parts.scheme}://{parts.netloc}"
