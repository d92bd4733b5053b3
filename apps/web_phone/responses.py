"""Responses of the web phone with their headers."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import get_conditional_response

from apps.web_phone.bundle import File

NOT_BUILT = "The web phone is not built. Build it with scripts/build-phone.sh. See docs/web-phone.md.\n"
ACCEPTS_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:\s*,|\s*$))")
FEATURES = ("camera", "publickey-credentials-create", "publickey-credentials-get")
DENIED_FEATURES = (
    "accelerometer",
    "display-capture",
    "geolocation",
    "gyroscope",
    "hid",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "serial",
    "usb",
)
PERMISSIONS_POLICY = ", ".join(
    [*(f"{feature}=(self)" for feature in FEATURES), *(f"{feature}=()" for feature in DENIED_FEATURES)]
)


def content_security_policy() -> str:
    """Return the policy: files of this origin only, no inline code, and Trusted Types.

    The one policy for Trusted Types is the one with which the page registers its service worker.
    """
    server = urlsplit(settings.PUBLIC_URL)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' {server.scheme}://{server.netloc}",
            "manifest-src 'self'",
            "worker-src 'self'",
            "font-src 'self'",
            "media-src 'self' blob:",
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types countersign",
        )
    )


def headers() -> dict[str, str]:
    """Return the headers of every response of the web phone. The service worker runs with those of its file."""
    return {
        "Content-Security-Policy": content_security_policy(),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Origin-Agent-Cluster": "?1",
        "Permissions-Policy": PERMISSIONS_POLICY,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cache-Control": "no-cache",
    }


def secure(response: HttpResponseBase) -> HttpResponseBase:
    """Add the headers that the response does not set itself."""
    for name, value in headers().items():
        response.headers.setdefault(name, value)
    return response


def file_response(request: HttpRequest, file: File) -> HttpResponseBase:
    """Return a file, compressed if the browser accepts it, or 304 if the browser has it."""
    is_compressed = bool(file.compressed) and bool(ACCEPTS_GZIP.search(request.headers.get("Accept-Encoding", "")))
    response = HttpResponse(file.compressed if is_compressed else file.content, content_type=file.content_type)
    response["Content-Length"] = str(len(response.content))
    if file.compressed:
        response["Vary"] = "Accept-Encoding"
    if is_compressed:
        response["Content-Encoding"] = "gzip"
    # Each encoding has its own ETag.
    response["ETag"] = f'"{file.digest[:32]}{"-gzip" if is_compressed else ""}"'
    return get_conditional_response(request, etag=response["ETag"], response=response) or response


def json_response(content: dict[str, Any]) -> HttpResponse:
    return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


def text_response(text: str, status: int) -> HttpResponse:
    return HttpResponse(
        text, status=status, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )
