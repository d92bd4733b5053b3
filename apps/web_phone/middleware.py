"""Serving of the web phone below /phone/, and its separation from the console.

The middleware answers before the session, the language and the static files: no response depends on a cookie or sets
one. With PHONE_URL, the phone has an origin of its own, on which nothing but the phone is served.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.request import split_domain_port

from apps.api.health import HOST_CHECK_EXEMPT_PATHS
from apps.enrollment.links import PHONE_PATH, phone_url
from apps.web_phone import bundle, responses, services

CONFIGURATION = "config.json"
METHODS = ("GET", "HEAD")
NOT_FOUND = "Not found.\n"


class PhoneMiddleware:
    """Middleware that serves the web phone, and 404 for all other paths of the host of PHONE_URL."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_phone_host = settings.PHONE_URL and _host(request) == urlsplit(settings.PHONE_URL).hostname
        is_phone_path = f"{request.path_info}/".startswith(PHONE_PATH)
        if is_phone_path or (is_phone_host and request.path_info not in HOST_CHECK_EXEMPT_PATHS):
            # Raises an exception for a host that is not in ALLOWED_HOSTS.
            request.get_host()
            is_here = is_phone_host or not settings.PHONE_URL
            return responses.secure(_serve(request) if is_here else _redirect(request))
        return self.get_response(request)


def _host(request: HttpRequest) -> str:
    return split_domain_port(request.headers.get("Host", ""))[0]


def _serve(request: HttpRequest) -> HttpResponseBase:
    path = request.path_info
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    if path in ("/", PHONE_PATH.rstrip("/")):
        return HttpResponseRedirect(PHONE_PATH)
    if not path.startswith(PHONE_PATH):
        return responses.text_response(NOT_FOUND, 404)
    name = path.removeprefix(PHONE_PATH) or bundle.PAGE
    return _configuration() if name == CONFIGURATION else _file(request, name)


def _redirect(request: HttpRequest) -> HttpResponseBase:
    """Redirect the page to the origin of the phone. The browser keeps the part after `#`, with the enrolment code."""
    if request.method in METHODS and request.path_info in (PHONE_PATH, PHONE_PATH.rstrip("/")):
        return HttpResponseRedirect(phone_url())
    return responses.text_response(NOT_FOUND, 404)


def _configuration() -> HttpResponse:
    try:
        return responses.json_response(services.configuration())
    except DatabaseError:
        return responses.text_response("The database is unavailable.\n", 503)


def _file(request: HttpRequest, name: str) -> HttpResponseBase:
    if not bundle.is_built():
        return responses.text_response(responses.NOT_BUILT, 404)
    file = bundle.read(name)
    return responses.file_response(request, file) if file else responses.text_response(NOT_FOUND, 404)
