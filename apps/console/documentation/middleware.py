"""The documentation below /docs/: the site that `make docs` has built, otherwise pages rendered from Markdown."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from whitenoise import WhiteNoise
from whitenoise.middleware import WhiteNoiseMiddleware

from apps.common.console.documents import PATH, site_page
from apps.console.documentation import pages, sources

METHODS = ("GET", "HEAD")
# Browsers revalidate a page after this time. Its ETag changes with each build.
MAX_AGE_SECONDS = 60
NOT_FOUND = "The documentation has no page of this name.\n"


class DocumentationMiddleware:
    """Middleware that serves the pages before session and language: no response depends on a cookie.

    The files of the site are listed once for each build. A path is only looked up in this list, so that no path leads
    to another file.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not f"{request.path_info}/".startswith(PATH):
            return self.get_response(request)
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        page = site_page()
        return _serve_site(request, page) if page else _serve_source(request)


def _serve_site(request: HttpRequest, page: Path) -> HttpResponseBase:
    try:
        site = _site(page.parent, page.stat().st_mtime_ns)
        file = site.files.get(request.path_info)
        if file is not None:
            response: HttpResponseBase = WhiteNoiseMiddleware.serve(file, request)
            return response
    except OSError:
        # A build has just replaced the site.
        pass
    return _text(NOT_FOUND, 404)


@lru_cache(maxsize=1)
def _site(directory: Path, _built_at: int) -> WhiteNoise:
    return WhiteNoise(None, root=directory, prefix=PATH, index_file=True, max_age=MAX_AGE_SECONDS)


def _serve_source(request: HttpRequest) -> HttpResponseBase:
    """Return a page rendered from its Markdown text, or a picture or other file of `docs/`."""
    path = f"{request.path_info}/".removeprefix(PATH).rstrip("/")
    cached = {"Cache-Control": f"max-age={MAX_AGE_SECONDS}, public"}
    if page := sources.page_of(path):
        return HttpResponse(pages.html(page, sources.pages()[page]), headers=cached)
    if file := sources.files().get(path):
        return FileResponse(file.open("rb"), content_type=sources.FILE_TYPES[file.suffix], headers=cached)
    return _text(NOT_FOUND, 404)


def _text(text: str, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8", headers=headers)
