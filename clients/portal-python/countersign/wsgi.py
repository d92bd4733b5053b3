"""Callback handler as a WSGI application."""

from collections.abc import Callable, Iterable
from typing import Any

from countersign.callbacks import MAX_BODY_BYTES, CallbackHandler, CallbackResponse

REASONS = {204: "No Content", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}


class WsgiCallback:
    """WSGI application for the path of the callback."""

    def __init__(self, handler: CallbackHandler) -> None:
        self._handler = handler

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        response = self._respond(environ)
        headers = [*response.headers.items()]
        if response.status != 204:
            headers += [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(response.body)))]
        start_response(f"{response.status} {REASONS.get(response.status, 'Error')}", headers)
        return [response.body.encode()] if response.body else []

    def _respond(self, environ: dict[str, Any]) -> CallbackResponse:
        if environ["REQUEST_METHOD"] != "POST":
            return CallbackResponse(405, "", {"Allow": "POST"})
        length = environ.get("CONTENT_LENGTH") or "0"
        size = min(int(length), MAX_BODY_BYTES + 1) if length.isascii() and length.isdigit() else 0
        names = {name: name.removeprefix("HTTP_").replace("_", "-") for name in environ if name.startswith("HTTP_")}
        headers = {names[name]: str(environ[name]) for name in names}
        return self._handler.handle(headers, environ["wsgi.input"].read(size))
