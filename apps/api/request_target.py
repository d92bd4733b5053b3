"""Validation of the request target: a limit for the query, and ids with any character in the path."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import repercent_broken_unicode

from apps.api.exceptions import is_api
from apps.common.input_text import is_storable
from apps.enrollment.models import MAX_USER_ID_CHARACTERS

# Replaces an id that is not UTF-8 or contains NUL, which PostgreSQL rejects in queries. No stored id is as long.
UNKNOWN_ID = "\ufffd" * (MAX_USER_ID_CHARACTERS + 1)


class RequestTargetMiddleware:
    """Middleware that rejects queries with too many fields and matches API paths segment by segment.

    A decoded path does not distinguish `%2F` from `/`. The path is therefore matched with percent-encoded segments, and
    the arguments are decoded for the view.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # An exception of a middleware becomes a response with status 400.
        _query = request.GET
        if is_api(request):
            request.path_info = encode_path(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _arguments: Any, kwargs: dict[str, Any]) -> None:
        if is_api(request):
            kwargs.update({name: decode_segment(segment) for name, segment in kwargs.items()})


def encode_path(request: HttpRequest) -> str:
    """Return the path with its segments percent-encoded.

    RAW_URI is the undecoded request target. Without it, or if it differs from the path, an encoded slash separates
    segments like a slash.
    """
    raw_path = request.META.get("RAW_URI", "").partition("?")[0].encode("latin-1", "replace")
    if repercent_broken_unicode(unquote_to_bytes(raw_path)).decode() == request.path_info:
        return "/".join(quote(unquote_to_bytes(segment), safe="") for segment in raw_path.split(b"/"))
    return "/".join(quote(segment, safe="") for segment in request.path_info.split("/"))


def decode_segment(segment: str) -> str:
    try:
        decoded = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return UNKNOWN_ID
    return decoded if is_storable(decoded) else UNKNOWN_ID
