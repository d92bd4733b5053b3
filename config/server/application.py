"""ASGI application of uvicorn: runs Django's WSGI application in threads.

A thread starts only after the request has arrived completely, and ends before the client reads the response. Slow
clients therefore occupy memory, which is limited, but no threads.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.urls import get_resolver
from django.utils.module_loading import import_string

from config.server.processes import prepare_worker
from config.server.protocol import LimitedProtocol
from config.wsgi import application as django_application

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Enough to use the CPU while requests wait for the database. With eight, a request takes an eighth more CPU time.
THREADS = 4
MAX_BODY_BYTES: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
# Larger than any response except an export, so only exports occupy a thread while the client reads.
PART_BYTES = 2 * 1024 * 1024
# Bytes written to the connection at a time, so that unread bytes of slow clients are counted as memory.
SLICE_BYTES = 32 * 1024


class ClientDisconnectedError(Exception):
    """The client closed the connection before the end of the response."""


class Body(BytesIO):
    """Body of a request. If it is truncated, reading to its end raises RequestDataTooBig."""

    is_truncated = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if self.is_truncated and not data:
            raise RequestDataTooBig
        return data


class Application:
    """ASGI application around a WSGI application."""

    def __init__(self, wsgi: Wsgi) -> None:
        self.wsgi = wsgi
        self.threads = ThreadPoolExecutor(THREADS, "request")

    async def __call__(self, scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        body = await read_body(receive)
        if body is None:
            return
        loop = asyncio.get_running_loop()
        response = Response(scope["state"]["connection"], send)

        def send_part(part: bytes) -> None:
            asyncio.run_coroutine_threadsafe(response.send(part, is_last=False), loop).result()

        response.connection.run()
        environ = build_environ(scope, body)
        try:
            last_part = await loop.run_in_executor(self.threads, self.call, environ, response, send_part)
            await response.send(last_part, is_last=True)
        except ClientDisconnectedError:
            # Otherwise uvicorn logs an error about the incomplete response.
            await receive()

    def call(self, environ: dict[str, Any], response: "Response", send_part: Callable[[bytes], None]) -> bytes:
        """Run the WSGI application in this thread, send all parts of its response but the last, and return that."""
        chunks = self.wsgi(environ, response.start)
        part = bytearray()
        try:
            for chunk in chunks:
                part += chunk
                if len(part) >= PART_BYTES:
                    send_part(bytes(part))
                    part.clear()
        finally:
            if close := getattr(chunks, "close", None):
                close()
        return bytes(part)


class Response:
    """Response that receives status and headers from WSGI and sends the parts of the body to ASGI."""

    def __init__(self, connection: LimitedProtocol, send: Callable[..., Any]) -> None:
        self.connection, self.asgi_send = connection, send
        self.head: dict[str, Any] | None = None

    def start(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        """Store status and headers (`start_response` of WSGI)."""
        self.head = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        }

    async def send(self, part: bytes, *, is_last: bool) -> None:
        """Send a part of the body as fast as the client reads it.

        Raises ClientDisconnectedError if the connection is closed.
        """
        self.connection.respond(len(part))
        if self.head:
            await self.asgi_send(self.head)
            self.head = None
        for start in range(0, len(part) or 1, SLICE_BYTES):
            if self.connection.is_closing:
                raise ClientDisconnectedError
            more = not is_last or start + SLICE_BYTES < len(part)
            body = part[start : start + SLICE_BYTES]
            await self.asgi_send({"type": "http.response.body", "body": body, "more_body": more})
        if not is_last:
            self.connection.run()


async def read_body(receive: Callable[..., Any]) -> Body | None:
    """Return the complete body, truncated if it is too long, or None if the client has disconnected."""
    content, more = bytearray(), True
    while more and len(content) <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        content += message["body"]
        more = message["more_body"]
    body = Body(content)
    body.is_truncated = more
    return body


def build_environ(scope: dict[str, Any], body: Body) -> dict[str, Any]:
    """Return the WSGI variables (PEP 3333) of a request. RAW_URI is the unmodified request target.

    Headers with an underscore in their name are dropped. WSGI cannot distinguish them from headers with a dash, so they
    could forge X-Forwarded-For and other headers that only a reverse proxy sets.
    """
    host, port = scope["server"] or ("", 0)
    query = scope["query_string"].decode("latin-1")
    raw_path = scope["raw_path"].decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue
        name, value = raw_name.decode("latin-1").upper().replace("-", "_"), raw_value.decode("latin-1")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        separator = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    # The length of a chunked body is known only after it has arrived.
    environ.setdefault("CONTENT_LENGTH", str(len(body.getbuffer())))
    return environ


def create() -> Application:
    """Return the application of this web process (application factory of uvicorn)."""
    prepare_worker()
    return Application(django_application)


# Otherwise the first requests of each process would import the views and the client of the broker.
_views = get_resolver().url_patterns
if settings.BROKER_URL:
    _transport = import_string(settings.CELERY_APPLICATION).connection_for_write().transport
