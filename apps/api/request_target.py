"""The request target: its query is within limits, and its path keeps ids with any character apart."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from django.http import HttpRequest, HttpResponse
from django.utils.encoding import repercent_broken_unicode

from apps.api.exceptions import is_api

# Decoded in place of an id that is not UTF-8: no stored id has it, so the id is an unknown one.
UNKNOWN_ID = "\0"


class RequestTargetMiddleware:
    """Rejects a query with too many fields, and matches the paths of the APIs segment by segment.

    In a decoded path `%2F` and `/` look the same. The path is therefore matched with every segment percent-encoded, and
    the arguments are decoded when their view is known.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Parsed here for every view, because an exception at this place becomes 400.
        _query = request.GET
        if is_api(request):
            request.path_info = encode_path(request)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _arguments: Any, kwargs: dict[str, Any]) -> None:
        if is_api(request):
            kwargs.update({name: decode_segment(segment) for name, segment in kwargs.items()})


def encode_path(request: HttpRequest) -> str:
    """Return the path with its segments percent-encoded.

    RAW_URI is the request target as it was sent. Without it, or if it is not about this path, an encoded slash
    separates segments as a slash does.
    """
    raw_path = request.META.get("RAW_URI", "").partition("?")[0].encode("latin-1", "replace")
    if repercent_broken_unicode(unquote_to_bytes(raw_path)).decode() == request.path_info:
        return "/".join(quote(unquote_to_bytes(segment), safe="") for segment in raw_path.split(b"/"))
    return "/".join(quote(segment, safe="") for segment in request.path_info.split("/"))


def decode_segment(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return UNKNOWN_ID
